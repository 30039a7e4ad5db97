/** Results as they are on the page: what is shown, under the names that it has now. */

import { exportedObjects } from "./objects.js";
import { area, decode } from "./rle.js";

/** Task of a result that the API never made: everything in it was drawn by hand. */
const DRAWN_HERE = "0".repeat(32);

/**
 * Return an image's result as the API would give it, with what is shown of it.
 *
 * @param {import("./store.js").StageImage} image
 * @param {import("./store.js").StageState} state
 */
export function shownResult(image, state) {
  const objects = exportedObjects(image, state);
  const taken = Math.max(-1, ...objects.map((object) => object.id));
  let added = 0;
  return {
    task_id: DRAWN_HERE, prompt: "", simplified_prompt: "", phrases: [], filters: [],
    ...image.result,
    image: { width: image.width, height: image.height },
    visualization: null,
    classes: null,
    objects: objects.map((object) => ({
      id: object.id >= 0 ? object.id : taken + (added += 1),
      label: object.label,
      score: object.score,
      box: object.box_xyxy,
      mask: { size: object.size_hw, counts: object.counts },
      area: area(decode(object.counts, object.size_hw)),
    })),
  };
}

/** Return the images that an export of many holds: with objects, and not rejected. */
export function exportedImages(state) {
  const accepted = state.images.filter((image) => image.review === "accepted");
  const candidates = accepted.length ? accepted : state.images.filter((image) => image.review !== "rejected");
  return candidates.filter((image) => image.result || image.objects.length);
}

/** Return a file's name without folders and suffix, safe anywhere. */
export function stemOf(name) {
  const stem = name.split(/[\\/]/).at(-1).replace(/\.[^.]*$/, "");
  return stem.replace(/[^\p{L}\p{N}_-]+/gu, "_").replace(/^_+|_+$/g, "").slice(0, 60) || "image";
}

/** Return names that differ from each other; those of the same name lie in numbered folders. */
export function apart(names) {
  const counts = new Map();
  return names.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${count}/${name}`;
  });
}
