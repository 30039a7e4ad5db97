import assert from "node:assert/strict";
import { test } from "node:test";
import { objectAt } from "../hit.js";
import { coloursOf, hueOf } from "../palette.js";
import { levelOf } from "../paths.js";
import { fromBitmap } from "../rle.js";
import { bitmap } from "./bitmap.js";

test("one hue for a class, shades for its objects", () => {
  const colours = coloursOf([{ id: 4, label: "cat" }, { id: 2, label: "dog" }, { id: 7, label: "cat" }]);
  const hue = (id) => colours.get(id).match(/\d+/)[0];
  assert.equal(hue(4), hue(7));
  assert.notEqual(hue(4), hue(2));
  assert.notEqual(colours.get(4), colours.get(7));
});

test("hues of the first forty classes differ", () => {
  assert.equal(new Set(Array.from({ length: 40 }, (_, number) => hueOf(number))).size, 40);
});

test("the smallest mask under a point is hit", () => {
  const masks = {
    large: { runs: fromBitmap(bitmap("####", "####")), area: 8 },
    small: { runs: fromBitmap(bitmap(".##.", "....")), area: 2 },
  };
  const objects = [{ id: "small" }, { id: "large" }];
  const hit = (x, y) => objectAt(objects, ({ id }) => masks[id], { x, y })?.id ?? null;
  assert.equal(hit(1.5, 0.5), "small");
  assert.equal(hit(0.5, 0.5), "large");
  assert.equal(hit(9, 9), null);
});

test("outlines are traced at the next power of two of the zoom, never above the photo", () => {
  assert.deepEqual([0.2, 0.25, 0.3, 0.6, 5].map(levelOf), [0.25, 0.25, 0.5, 1, 1]);
});
