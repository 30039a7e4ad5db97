/**
 * The picture: the photo, the fills, the lines, and what follows the pointer, each a layer of its own.
 *
 * Hover, selection and opacity touch one small layer: the fills' opacity is the layer's, so that the
 * slider draws nothing anew. Objects are bitmaps at the scale of the screen. While the view moves, the
 * layers are moved as they are; they are drawn anew when it rests, or at once where that is quick.
 */

import { make } from "./dom.js";
import { isShown, isWeaker } from "./objects.js";
import { coloursOf } from "./palette.js";
import { createPaths, createSprites, levelOf, LINE_PX } from "./paths.js";
import { openImage } from "./store.js";

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
  const spriteOf = createSprites(maskOf, pathOf);
  /** The view that the layers were drawn for. */
  let drawn = { scale: 1, x: 0, y: 0 };

  /** Return a canvas's context in pixels of the image, emptied. */
  function clean(canvas, view) {
    const ratio = devicePixelRatio;
    const [width, height] = [element.clientWidth * ratio, element.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, _snapped(view.x), _snapped(view.y));
    return context;
  }

  const layers = {
    photo,
    pathOf,
    /** Place the photo, and the layers over it as they were drawn. */
    drawPhoto(state, view) {
      const image = openImage(state);
      photo.hidden = !image;
      if (!image) return;
      if (photo.getAttribute("src") !== image.url) photo.src = image.url;
      photo.alt = image.name;
      const { style } = photo;
      style.width = `${image.width}px`;
      style.height = `${image.height}px`;
      const [x, y] = [view.x, view.y].map((at) => _snapped(at) / devicePixelRatio);
      style.transform = `translate(${x}px, ${y}px) scale(${view.scale})`;
      style.imageRendering = view.scale > PIXELATED_SCALE ? "pixelated" : "auto";
      layers.moveMasks(view);
    },
    /** Move what was drawn to where it belongs in this view. */
    moveMasks(view) {
      const by = view.scale / drawn.scale;
      const [x, y] = [view.x - drawn.x * by, view.y - drawn.y * by];
      masks.style.transform = by === 1 && !x && !y ? "none" : `translate(${x}px, ${y}px) scale(${by})`;
    },
    /** Draw the fills and lines of all objects that are shown, and the weaker finds dashed. */
    drawMasks(state, view) {
      drawn = view;
      layers.moveMasks(view);
      const objects = openImage(state)?.objects ?? [];
      const colours = coloursOf(objects);
      const fill = clean(fills, view);
      const line = clean(lines, view);
      // Small objects lie on top of large ones.
      const sorted = objects
        .filter((object) => !object.deleted && maskOf(object).box)
        .sort((a, b) => maskOf(b).area - maskOf(a).area);
      for (const object of sorted) {
        if (isShown(object, state)) drawObject(fill, line, object, colours.get(object.id), view, state.showBoxes);
      }
      if (!state.showWeaker) return;
      const level = levelOf(view.scale * devicePixelRatio);
      const weaker = sorted.filter((object) => isWeaker(object, state));
      _drawWeaker(line, weaker.map((object) => pathOf(object, level)), view);
    },
    drawOpacity(state) {
      fills.style.opacity = String(state.opacity);
    },
    drawCompare(state) {
      const image = openImage(state);
      const at = image && state.compare ? drawn.x + image.width * drawn.scale * state.compareAt : 0;
      masks.style.clipPath = state.compare ? `inset(0 0 0 ${Math.max(at, 0)}px)` : "none";
    },
    /** Draw what is selected and under the pointer; `also` draws what a tool adds. */
    drawGlow(state, also) {
      const view = drawn;
      const context = clean(glow, view);
      const objects = openImage(state)?.objects ?? [];
      const level = levelOf(view.scale * devicePixelRatio);
      const one = (id) => objects.find((object) => object.id === id && !object.deleted && !object.hidden);
      const hovered = state.hoveredId === state.selectedId ? null : one(state.hoveredId);
      if (hovered) {
        const path = pathOf(hovered, level);
        context.fillStyle = "rgb(255 255 255 / 0.22)";
        context.fill(path);
        _strokeTwice(context, path, 2 / view.scale);
      }
      const selected = one(state.selectedId);
      if (selected) _strokeTwice(context, pathOf(selected, level), 2.5 / view.scale);
      also?.(context, view);
    },
  };

  function drawObject(fill, line, object, colour, view, hasBox) {
    if (!_isInSight(maskOf(object).box, view, element)) return;
    const scale = view.scale * devicePixelRatio;
    const sprite = spriteOf(object, colour, scale);
    if (sprite) {
      const [x, y] = [sprite.left + _snapped(view.x), sprite.top + _snapped(view.y)];
      for (const [context, bitmap] of [[fill, sprite.fill], [line, sprite.line]]) {
        context.save();
        context.setTransform(1, 0, 0, 1, 0, 0);
        context.drawImage(bitmap, x, y);
        context.restore();
      }
    } else {
      const path = pathOf(object, levelOf(scale));
      fill.fillStyle = line.strokeStyle = colour;
      fill.fill(path);
      line.lineWidth = LINE_PX / view.scale;
      line.stroke(path);
    }
    if (!hasBox) return;
    line.strokeStyle = colour;
    line.lineWidth = LINE_PX / view.scale;
    const [x0, y0, x1, y1] = object.box_xyxy;
    line.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  return layers;
}

/** Bring a CSS pixel onto one of the screen: bitmaps stay sharp. */
function _snapped(at) {
  return Math.round(at * devicePixelRatio);
}

function _isInSight([x0, y0, x1, y1], { scale, x, y }, element) {
  return x1 * scale + x > 0 && y1 * scale + y > 0 &&
    x0 * scale + x < element.clientWidth && y0 * scale + y < element.clientHeight;
}

function _drawWeaker(context, paths, view) {
  context.save();
  context.lineWidth = 1.25 / view.scale;
  context.setLineDash([5 / view.scale, 4 / view.scale]);
  for (const path of paths) {
    // Dark between white: it is seen on snow as on asphalt.
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
