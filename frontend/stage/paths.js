/** Outlines as paths, and objects as bitmaps at the scale of the screen, each made once. */

import { drawLoops, traceLoops } from "./outline.js";
import { rasterize } from "./rle.js";

/** Room around an object's bitmap for half of its line, in pixels of the screen. */
const MARGIN_PX = 3;
/** Bitmaps are kept up to so many pixels in all; what is larger is drawn from its path each time. */
const MAX_KEPT_PX = 48e6;
export const LINE_PX = 1.5;

/** Return how finely outlines are traced at a scale: a power of two, at most the photo's pixels. */
export function levelOf(scale) {
  return Math.min(1, 2 ** Math.ceil(Math.log2(scale)));
}

/**
 * Return a function that gives an object's outline as a path in pixels of the image.
 *
 * @param {(object: object) => import("./masks.js").Mask} maskOf
 */
export function createPaths(maskOf) {
  /** @type {WeakMap<object, Map<number, Path2D>>} */
  const kept = new WeakMap();
  return function pathOf(object, level) {
    const mask = maskOf(object);
    let paths = kept.get(mask);
    if (!paths) kept.set(mask, (paths = new Map()));
    let path = paths.get(level);
    if (!path) {
      path = new Path2D();
      if (mask.box) {
        const [x0, y0, x1, y1] = mask.box;
        const bitmap = rasterize(mask.runs, mask.box, level);
        const scaleX = (x1 - x0) / bitmap.width;
        const scaleY = (y1 - y0) / bitmap.height;
        drawLoops(path, traceLoops(bitmap), { x: x0, y: y0, scaleX, scaleY });
      }
      paths.set(level, path);
    }
    return path;
  };
}

/**
 * Return a function that gives an object's fill and line as bitmaps for a scale, and their corner in
 * pixels of the screen from the image's corner; null where they would take too much memory.
 *
 * @param {(object: object) => import("./masks.js").Mask} maskOf
 * @param {(object: object, level: number) => Path2D} pathOf
 */
export function createSprites(maskOf, pathOf) {
  let keptScale = 0;
  let keptPx = 0;
  /** @type {Map<object, Map<string, object>>} */
  let kept = new Map();
  return function spriteOf(object, colour, scale) {
    if (scale !== keptScale) [kept, keptScale, keptPx] = [new Map(), scale, 0];
    const mask = maskOf(object);
    let sprites = kept.get(mask);
    if (!sprites) kept.set(mask, (sprites = new Map()));
    let sprite = sprites.get(colour);
    if (!sprite) {
      const [left, top] = mask.box.slice(0, 2).map((at) => Math.floor(at * scale) - MARGIN_PX);
      const width = Math.ceil(mask.box[2] * scale) + MARGIN_PX - left;
      const height = Math.ceil(mask.box[3] * scale) + MARGIN_PX - top;
      if (keptPx + 2 * width * height > MAX_KEPT_PX) return null;
      keptPx += 2 * width * height;
      const path = pathOf(object, levelOf(scale));
      const [fill, line] = [0, 1].map(() => new OffscreenCanvas(width, height));
      for (const canvas of [fill, line]) {
        canvas.getContext("2d").setTransform(scale, 0, 0, scale, -left, -top);
      }
      const filling = fill.getContext("2d");
      filling.fillStyle = colour;
      filling.fill(path);
      const lining = line.getContext("2d");
      lining.strokeStyle = colour;
      lining.lineWidth = (LINE_PX * devicePixelRatio) / scale;
      lining.stroke(path);
      sprite = { left, top, fill, line };
      sprites.set(colour, sprite);
    }
    return sprite;
  };
}
