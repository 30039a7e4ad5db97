/** When layers are drawn: many changes of one moment once, and masks when a moving view rests. */

/** A view rests when it did not move for so long. */
const REST_MS = 90;
/** Masks that were drawn as quickly as this follow a moving view in each frame. */
const QUICK_MS = 6;

/** @typedef {"photo"|"masks"|"glow"|"opacity"|"compare"} Layer */

/**
 * Make the clock of the layers.
 *
 * @param {import("./store.js").Store} store
 * @param {ReturnType<import("./render.js").createRenderer>} renderer
 * @param {() => import("./geometry.js").View} viewOf
 * @param {() => Function | undefined} alsoOf what draws the marks of the tool
 */
export function createFrames(store, renderer, viewOf, alsoOf) {
  /** @type {Set<Layer>} */
  const due = new Set();
  let frame = 0;
  let timer = 0;
  let lastMs = 0;

  function draw() {
    frame = 0;
    const { state } = store;
    if (due.has("photo")) renderer.drawPhoto(state, viewOf());
    if (due.has("masks")) {
      const start = performance.now();
      renderer.drawMasks(state, viewOf());
      lastMs = performance.now() - start;
    }
    if (due.has("glow") || due.has("masks")) renderer.drawGlow(state, alsoOf());
    if (due.has("opacity")) renderer.drawOpacity(state);
    if (due.has("compare") || due.has("masks")) renderer.drawCompare(state);
    due.clear();
  }
  /** @param {...Layer} layers */
  function ask(...layers) {
    for (const layer of layers) due.add(layer);
    frame ||= requestAnimationFrame(draw);
  }
  return {
    ask,
    /** The view moved: the photo and the layers follow at once. */
    moved() {
      ask("photo");
      clearTimeout(timer);
      if (lastMs < QUICK_MS) ask("masks");
      else timer = setTimeout(() => ask("masks"), REST_MS);
    },
    stop() {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    },
  };
}
