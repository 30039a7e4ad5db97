import assert from "node:assert/strict";
import { test } from "node:test";
import { area, bounds, contains, decode, encode, fromBitmap, rasterize } from "../rle.js";
import { bitmap } from "./bitmap.js";

test("counts as COCO documents them", () => {
  const runs = decode("3221", [2, 5]);
  assert.deepEqual([...runs.starts], [3, 7]);
  assert.deepEqual([...runs.ends], [5, 10]);
  assert.equal(area(runs), 5);
  assert.deepEqual([...decode("T3d0", [60, 2]).ends], [120]);
  assert.equal(encode(decode("T3d0", [60, 2])), "T3d0");
});

test("a bitmap comes back from its counts", () => {
  for (const rows of [[".#.", "##.", "..#"], ["###", "###"], ["...", "..."], ["#"], ["#..", "...", "..#"]]) {
    const drawn = bitmap(...rows);
    const runs = decode(encode(fromBitmap(drawn)), [drawn.height, drawn.width]);
    const again = rasterize(runs, [0, 0, drawn.width, drawn.height], 1);
    assert.deepEqual(again, drawn);
  }
});

test("counts that do not fill the image are refused", () => {
  assert.throws(() => decode("3221", [2, 6]), RangeError);
  assert.throws(() => decode("~", [2, 5]), RangeError);
  assert.throws(() => decode("3", [2, 5]), RangeError);
  // 5 outside, then -1 inside.
  assert.throws(() => decode("5O6", [2, 5]), RangeError);
});

test("pixels, area and bounds", () => {
  const runs = fromBitmap(bitmap("....", ".##.", ".#.."));
  const inside = [];
  for (let y = -1; y < 4; y++) for (let x = -1; x < 5; x++) if (contains(runs, x, y)) inside.push([x, y]);
  assert.deepEqual(inside, [[1, 1], [2, 1], [1, 2]]);
  assert.ok(contains(runs, 1.9, 1.9));
  assert.equal(area(runs), 3);
  assert.deepEqual(bounds(runs), [1, 1, 3, 3]);
  assert.equal(bounds(fromBitmap(bitmap("..", ".."))), null);
});

test("a run over the end of a column spans all rows", () => {
  assert.deepEqual(bounds(fromBitmap(bitmap(".#", "#."))), [0, 0, 2, 2]);
});

test("a part of a mask at half its size", () => {
  const runs = fromBitmap(bitmap("........", "..####..", "..####..", "..####..", "..####..", "........"));
  const half = rasterize(runs, [2, 1, 6, 5], 0.5);
  assert.deepEqual(half, bitmap("##", "##"));
  const wide = rasterize(runs, [0, 1, 8, 5], 0.5);
  assert.deepEqual(wide, bitmap(".##.", ".##."));
});
