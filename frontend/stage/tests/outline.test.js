import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLoops, traceLoops } from "../outline.js";
import { bitmap } from "./bitmap.js";

test("an outline goes round its pixels, the inside on its right hand", () => {
  assert.deepEqual(traceLoops(bitmap(".##", ".#.")), [[1, 0, 3, 0, 3, 1, 2, 1, 2, 2, 1, 2]]);
});

test("a hole has an outline of its own, the other way round", () => {
  const loops = traceLoops(bitmap("###", "#.#", "###"));
  assert.equal(loops.length, 2);
  assert.deepEqual(loops[0], [0, 0, 3, 0, 3, 3, 0, 3]);
  assert.equal(signedArea(loops[0]), 9);
  assert.equal(signedArea(loops[1]), -1);
});

test("pixels that touch by a corner are apart", () => {
  assert.equal(traceLoops(bitmap("#.", ".#")).length, 2);
  assert.equal(traceLoops(bitmap(".#", "#.")).length, 2);
});

test("the areas of all loops are those of the mask", () => {
  const drawn = bitmap("##.###", "#..#.#", "######", ".#..#.", "##.#.#");
  const total = traceLoops(drawn).reduce((sum, loop) => sum + signedArea(loop), 0);
  assert.equal(total, drawn.data.reduce((sum, inside) => sum + inside, 0));
});

test("corners are softened, but long edges stay straight", () => {
  const points = [];
  const pen = {
    moveTo: (x, y) => points.push(["M", x, y]),
    lineTo: (x, y) => points.push(["L", x, y]),
    quadraticCurveTo: (...corner) => points.push(["Q", ...corner]),
    closePath: () => points.push(["Z"]),
  };
  drawLoops(pen, [[0, 0, 4, 0, 4, 4, 0, 4]], { x: 10, y: 20, scaleX: 2, scaleY: 2 });
  assert.deepEqual(points.slice(0, 4), [
    ["M", 10, 22],
    ["Q", 10, 20, 12, 20],
    ["L", 16, 20],
    ["Q", 18, 20, 18, 22],
  ]);
  assert.deepEqual(points.at(-1), ["Z"]);
});

function signedArea(loop) {
  let sum = 0;
  for (let i = 0; i < loop.length; i += 2) {
    const [x0, y0, x1, y1] = [loop[i], loop[i + 1], loop[(i + 2) % loop.length], loop[(i + 3) % loop.length]];
    sum += x0 * y1 - x1 * y0;
  }
  return sum / 2;
}
