/** Masks changed here, with no request: brush, eraser, and the corners of a polygon. */

import * as objects from "./objects.js";
import { traceLoops } from "./outline.js";
import { area, bounds, encode, rasterize } from "./rle.js";
import { difference, fillPolygons, nothing, simplify, stroke, union } from "./runs.js";
import { openImage, say } from "./store.js";

/**
 * Paint a stroke into the selected object, or make a new one; or rub it out.
 *
 * @param {import("./main.js").Stage} stage
 * @param {{x: number, y: number}[]} path in pixels of the image
 * @param {boolean} isEraser
 */
export function paint({ store, maskOf }, path, isEraser) {
  const { state } = store;
  const image = openImage(state);
  const target = objects.objectById(state, state.selectedId);
  if (!image || !path.length || (isEraser && !target)) return;
  const dab = stroke(path, state.brushPx, image);
  const before = target ? maskOf(target).runs : nothing(image);
  put(store, image, target, (isEraser ? difference : union)(before, dab), isEraser ? "Erased" : "Painted");
}

/**
 * Give the selected object the inside of polygons, or make a new object of it.
 *
 * @param {import("./main.js").Stage} stage
 * @param {{x: number, y: number}[][]} polygons
 * @param {object | null} target
 */
export function putPolygons({ store }, polygons, target) {
  const image = openImage(store.state);
  if (image) put(store, image, target, fillPolygons(polygons, image), "Outlined");
}

/**
 * Return an object's outline as polygons whose corners can be moved.
 *
 * @param {import("./main.js").Stage} stage
 * @param {import("./store.js").StageObject} object
 * @param {number} tolerance in pixels of the image
 * @returns {{x: number, y: number}[][]}
 */
export function polygonsOf({ maskOf }, object, tolerance) {
  const { runs, box } = maskOf(object);
  if (!box) return [];
  return traceLoops(rasterize(runs, box, 1))
    .map((loop) => simplify(_corners(loop, box), tolerance))
    .filter((corners) => corners.length > 2);
}

function put(store, image, target, runs, word) {
  const box = bounds(runs);
  if (!box || area(runs) === 0) {
    if (target) objects.deleteObject(store, target.id);
    return;
  }
  const made = {
    id: objects.localId(image),
    label: store.state.newLabel,
    score: 1,
    hidden: false,
    deleted: false,
    kept: false,
    made: true,
    points: [],
    ...target,
    corrected: true,
    box_xyxy: box,
    counts: encode(runs),
    size_hw: [image.height, image.width],
  };
  objects.putObject(store, image.key, made);
  objects.selectObject(store, made.id);
  say(store, `${word} ${objects.nameOf(store.state, made)}`);
}

function _corners(loop, [x0, y0]) {
  return Array.from({ length: loop.length / 2 }, (_, i) => ({ x: x0 + loop[2 * i], y: y0 + loop[2 * i + 1] }));
}
