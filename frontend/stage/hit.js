/** Which object lies under a point of the image. */

import { contains } from "./rle.js";

/**
 * Return the smallest object whose mask holds a point, or null.
 *
 * @param {{id: number, box_xyxy: number[]}[]} objects
 * @param {(object: object) => {runs: import("./rle.js").Runs, area: number}} maskOf
 */
export function objectAt(objects, maskOf, { x, y }) {
  let best = null;
  let bestArea = Infinity;
  for (const object of objects) {
    const { runs, area } = maskOf(object);
    if (area < bestArea && contains(runs, x, y)) {
      best = object;
      bestArea = area;
    }
  }
  return best;
}
