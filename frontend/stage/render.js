/**
 * The picture: the photo, the fills, the lines, and what follows the pointer, each a layer of its own.
 *
 * Hover, selection and opacity touch one small layer: the fills' opacity is the layer's, so that the
 * slider draws nothing anew. Outlines are traced once for each power of two of the zoom.
 */

import { isWeaker, isShown } from "./objects.js";
import { drawLoops, traceLoops } from "./outline.js";
import { coloursOf } from "./palette.js";
import { rasterize } from "./rle.js";
import { openImage } from "./store.js";
import { make } from "./dom.js";

/** Beyond this many CSS pixels for one of the image, its pixels are shown as squares. */
const PIXELATED_SCALE = 6;

/**
 * Make the layers inside an element.
 *
 * @param {HTMLElement} element the stage
 * @param {(object: object) => import("./masks.js").Mask} maskOf
 */
export function createRenderer(element, maskOf) {
  const photo = make("img", { className: "photo", alt: "", draggable: false, decoding: "async" });
  const fills = make("canvas", { className: "layer fills" });
  const lines = make("canvas", { className: "layer lines" });
  const glow = make("canvas", { className: "layer glow" });
  const masks = make("div", { className: "masks" }, fills, lines, glow);
  element.append(photo, masks);
  const pathOf = createPaths(maskOf);

  /** Return a canvas's context in pixels of the image, emptied. */
  function clean(canvas, view) {
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth * ratio, element.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, view.x * ratio, view.y * ratio);
    return context;
  }

  return {
    photo,
    pathOf,
    /** Place the photo. */
    drawPhoto(state, view) {
      const image = openImage(state);
      photo.hidden = !image;
      if (!image) return;
      if (photo.getAttribute("src") !== image.url) photo.src = image.url;
      photo.alt = image.name;
      const { style } = photo;
      style.width = `${image.width}px`;
      style.height = `${image.height}px`;
      style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
      style.imageRendering = view.scale > PIXELATED_SCALE ? "pixelated" : "auto";
    },
    /** Draw the fills and lines of all objects that are shown, and the weaker finds dashed. */
    drawMasks(state, view) {
      const objects = openImage(state)?.objects ?? [];
      const colours = coloursOf(objects);
      const fill = clean(fills, view);
      const line = clean(lines, view);
      const level = levelOf(view.scale * devicePixelRatio);
      // Small objects lie on top of large ones.
      const sorted = objects.filter((object) => !object.deleted).sort((a, b) => maskOf(b).area - maskOf(a).area);
      for (const object of sorted) {
        if (!isShown(object, state)) continue;
        const path = pathOf(object, level);
        fill.fillStyle = colours.get(object.id);
        fill.fill(path);
        line.lineWidth = 1.5 / view.scale;
        line.strokeStyle = colours.get(object.id);
        line.stroke(path);
        if (state.showBoxes) line.strokeRect(..._rectangle(object.box_xyxy));
      }
      if (!state.showWeaker) return;
      const weaker = sorted.filter((object) => isWeaker(object, state));
      _drawWeaker(line, weaker.map((object) => pathOf(object, level)), view);
    },
    drawOpacity(state) {
      fills.style.opacity = String(state.opacity);
    },
    drawCompare(state, view) {
      const image = openImage(state);
      const at = image && state.compare ? view.x + image.width * view.scale * state.compareAt : 0;
      masks.style.clipPath = state.compare ? `inset(0 0 0 ${Math.max(at, 0)}px)` : "none";
    },
    /** Draw what is selected and under the pointer; `also` draws what a tool adds. */
    drawGlow(state, view, also) {
      const context = clean(glow, view);
      const objects = openImage(state)?.objects ?? [];
      const level = levelOf(view.scale * devicePixelRatio);
      const drawn = (id) => objects.find((object) => object.id === id && !object.deleted && !object.hidden);
      const hovered = state.hoveredId === state.selectedId ? null : drawn(state.hoveredId);
      if (hovered) {
        const path = pathOf(hovered, level);
        context.fillStyle = "rgb(255 255 255 / 0.22)";
        context.fill(path);
        _strokeTwice(context, path, 2 / view.scale);
      }
      const selected = drawn(state.selectedId);
      if (selected) _strokeTwice(context, pathOf(selected, level), 2.5 / view.scale);
      also?.(context, view);
    },
  };
}

/** Return how finely outlines are traced at a scale: a power of two, at most the photo's pixels. */
export function levelOf(scale) {
  return Math.min(1, 2 ** Math.ceil(Math.log2(scale)));
}

/** Return a function that gives an object's outline as a path in pixels of the image. */
function createPaths(maskOf) {
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
        const bitmap = rasterize(mask.runs, mask.box, level);
        drawLoops(path, traceLoops(bitmap), {
          x: mask.box[0],
          y: mask.box[1],
          scaleX: (mask.box[2] - mask.box[0]) / bitmap.width,
          scaleY: (mask.box[3] - mask.box[1]) / bitmap.height,
        });
      }
      paths.set(level, path);
    }
    return path;
  };
}

function _drawWeaker(context, paths, view) {
  context.save();
  context.lineWidth = 1.25 / view.scale;
  context.setLineDash([5 / view.scale, 4 / view.scale]);
  for (const path of paths) {
    // Dark below white: it is seen on snow as on asphalt.
    context.lineDashOffset = 0;
    context.strokeStyle = "rgb(0 0 0 / 0.55)";
    context.stroke(path);
    context.lineDashOffset = 4.5 / view.scale;
    context.strokeStyle = "rgb(255 255 255 / 0.9)";
    context.stroke(path);
  }
  context.restore();
}

function _strokeTwice(context, path, width) {
  context.lineJoin = "round";
  context.lineWidth = 2 * width;
  context.strokeStyle = "rgb(0 0 0 / 0.45)";
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = "white";
  context.stroke(path);
}

function _rectangle([x0, y0, x1, y1]) {
  return [x0, y0, x1 - x0, y1 - y0];
}
