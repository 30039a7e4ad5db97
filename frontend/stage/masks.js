/** Decoded masks, kept while they are in use: many objects of the state share one mask. */

import { area, bounds, decode } from "./rle.js";

/** Enough for every object of a few images, with their undo. */
const MAX_KEPT = 3000;

/** @typedef {{runs: import("./rle.js").Runs, area: number, box: [number, number, number, number] | null}} Mask */

/** Return a function that decodes an object's mask, once for each mask. */
export function createMasks() {
  /** @type {Map<string, Mask>} */
  const kept = new Map();
  return function maskOf({ counts, size_hw }) {
    const key = `${size_hw[0]}x${size_hw[1]}:${counts}`;
    let mask = kept.get(key);
    if (mask === undefined) {
      const runs = decode(counts, size_hw);
      mask = { runs, area: area(runs), box: bounds(runs) };
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value);
      kept.set(key, mask);
    }
    return mask;
  };
}
