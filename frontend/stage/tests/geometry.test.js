import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOf, clamp, fit, inside, isOn, MAX_SCALE, toImage, toStage, zoomAt } from "../geometry.js";

const IMAGE = { width: 400, height: 200 };
const STAGE = { width: 1000, height: 600 };

test("the whole image in the middle", () => {
  assert.deepEqual(fit(IMAGE, STAGE), { scale: 2.5, x: 0, y: 50 });
  assert.deepEqual(fit(IMAGE, STAGE, 100), { scale: 2, x: 100, y: 100 });
  assert.equal(fit({ width: 10, height: 10 }, STAGE).scale, 4);
});

test("screen to image and back", () => {
  const view = { scale: 2, x: 30, y: -10 };
  assert.deepEqual(toImage(view, { x: 50, y: 10 }), { x: 10, y: 10 });
  assert.deepEqual(toStage(view, toImage(view, { x: 7, y: 9 })), { x: 7, y: 9 });
});

test("zooming keeps what is under the pointer, within its bounds", () => {
  const view = { scale: 2, x: 30, y: -10 };
  const at = { x: 200, y: 100 };
  const zoomed = zoomAt(view, at, 3, 0.1);
  assert.equal(zoomed.scale, 6);
  assert.deepEqual(toImage(zoomed, at), toImage(view, at));
  assert.equal(zoomAt(view, at, 1e6, 0.1).scale, MAX_SCALE);
  assert.equal(zoomAt(view, at, 1e-6, 0.1).scale, 0.1);
});

test("an image cannot be lost from sight", () => {
  assert.deepEqual(clamp({ scale: 1, x: -900, y: 900 }, IMAGE, STAGE), { scale: 1, x: 0, y: 400 });
  const far = clamp({ scale: 10, x: -90000, y: 90000 }, IMAGE, STAGE);
  assert.deepEqual(far, { scale: 10, x: 500 - 4000, y: 300 });
});

test("corners in order, points within the image", () => {
  assert.deepEqual(boxOf({ x: 5, y: 1 }, { x: 2, y: 8 }), [2, 1, 5, 8]);
  assert.deepEqual(inside({ x: -3, y: 500 }, IMAGE), { x: 0, y: 200 });
  assert.ok(isOn({ x: 0, y: 199.5 }, IMAGE));
  assert.ok(!isOn({ x: 400, y: 0 }, IMAGE));
});
