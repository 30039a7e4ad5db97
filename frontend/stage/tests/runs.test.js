import assert from "node:assert/strict";
import { test } from "node:test";
import { area, contains, fromBitmap, rasterize } from "../rle.js";
import { difference, fillPolygons, nothing, simplify, stroke, union } from "../runs.js";
import { bitmap } from "./bitmap.js";

const IMAGE = { width: 6, height: 5 };
const drawn = (runs) => rasterize(runs, [0, 0, runs.width, runs.height], 1);

test("what one mask adds to another, and takes from it", () => {
  const a = fromBitmap(bitmap("##..", "##..", "...."));
  const b = fromBitmap(bitmap("....", ".##.", ".##."));
  assert.deepEqual(drawn(union(a, b)), bitmap("##..", "###.", ".##."));
  assert.deepEqual(drawn(difference(a, b)), bitmap("##..", "#...", "...."));
  assert.deepEqual(drawn(difference(a, a)), bitmap("....", "....", "...."));
  assert.deepEqual(drawn(union(nothing(a), b)), drawn(b));
});

test("runs that touch over the end of a column become one", () => {
  const a = fromBitmap(bitmap(".#", ".#"));
  const b = fromBitmap(bitmap("#.", "#."));
  assert.deepEqual([...union(a, b).starts], [0]);
});

test("a polygon covers the pixels whose middle it holds", () => {
  const square = [{ x: 1, y: 1 }, { x: 4, y: 1 }, { x: 4, y: 3 }, { x: 1, y: 3 }];
  assert.deepEqual(drawn(fillPolygons([square], IMAGE)), bitmap("......", ".###..", ".###..", "......", "......"));
  const shifted = square.map(({ x, y }) => ({ x: x + 0.6, y: y + 0.6 }));
  assert.deepEqual(drawn(fillPolygons([shifted], IMAGE)), bitmap("......", "......", "..###.", "..###.", "......"));
});

test("a polygon within another is a hole; what lies beyond the image is cut", () => {
  const outer = [{ x: -5, y: -5 }, { x: 20, y: -5 }, { x: 20, y: 20 }, { x: -5, y: 20 }];
  const inner = [{ x: 2, y: 2 }, { x: 4, y: 2 }, { x: 4, y: 4 }, { x: 2, y: 4 }];
  assert.deepEqual(
    drawn(fillPolygons([outer, inner], IMAGE)),
    bitmap("######", "######", "##..##", "##..##", "######"),
  );
});

test("a brush is round and leaves no gap on its way", () => {
  const image = { width: 200, height: 100 };
  const dab = stroke([{ x: 50, y: 50 }], 20, image);
  assert.ok(Math.abs(area(dab) / (Math.PI * 400) - 1) < 0.03);
  const line = stroke([{ x: 30, y: 30 }, { x: 150, y: 70 }], 5, image);
  for (let t = 0; t <= 1; t += 0.05) assert.ok(contains(line, 30 + 120 * t, 30 + 40 * t));
  assert.ok(!contains(line, 90, 60));
  const length = Math.hypot(120, 40);
  assert.ok(Math.abs(area(line) / (length * 10 + Math.PI * 25) - 1) < 0.03);
});

test("simplifying keeps corners and drops what lies on the line", () => {
  const corners = [];
  for (let x = 0; x < 10; x++) corners.push({ x, y: 0 });
  for (let y = 0; y < 10; y++) corners.push({ x: 10, y });
  for (let x = 10; x > 0; x--) corners.push({ x, y: 10 });
  for (let y = 10; y > 0; y--) corners.push({ x: 0, y });
  const simple = simplify(corners, 0.5);
  assert.deepEqual(simple, [{ x: 0, y: 0 }, { x: 10, y: 0 }, { x: 10, y: 10 }, { x: 0, y: 10 }]);
  assert.deepEqual(simplify(corners, 0), simple);
  // Wherever the outline begins, its beginning is no corner.
  const turned = [...corners.slice(5), ...corners.slice(0, 5)];
  assert.equal(simplify(turned, 0.5).length, 4);
});
