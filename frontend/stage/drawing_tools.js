/** Tools that draw masks here: brush, eraser and polygon. */

import { paint, polygonsOf, putPolygons } from "./edits.js";
import { inside } from "./geometry.js";
import { drawPolygons, drawStroke } from "./marks.js";
import { objectById } from "./objects.js";
import { openImage, say } from "./store.js";

/** How near to a corner the pointer takes hold of it, in CSS pixels. */
const HOLD_PX = 9;

/** @param {import("./main.js").Stage} stage */
export function drawingTools(stage) {
  return { brush: brush(stage, false), eraser: brush(stage, true), polygon: polygon(stage) };
}

function brush(stage, isEraser) {
  let path = [];
  let tip = null;
  const redraw = () => stage.draw("glow");
  const end = () => {
    path = [];
    redraw();
  };
  return {
    press(at) {
      if (isEraser && stage.store.state.selectedId === null) return say(stage.store, "Select an object to erase from");
      path = [(tip = at)];
      redraw();
    },
    move(at) {
      tip = at;
      const last = path.at(-1);
      // Steps of a part of the brush are as good as each pixel, and much less work.
      if (last && Math.hypot(at.x - last.x, at.y - last.y) >= stage.store.state.brushPx / 4) path.push(at);
      redraw();
    },
    hover(at) {
      tip = at;
      redraw();
    },
    release() {
      paint(stage, path, isEraser);
      end();
    },
    cancel: end,
    draw(context, view) {
      const { brushPx } = stage.store.state;
      if (path.length || tip) drawStroke(context, view, path.length ? path : [tip], brushPx, isEraser);
    },
  };
}

function polygon(stage) {
  const { store } = stage;
  /** Corners of a new polygon, and where the pointer is. */
  let corners = [];
  let tip = null;
  /** The selected object's outline, while its corners are moved: made again when its mask changed. */
  let edited = { object: null, polygons: [] };
  let held = null;
  const redraw = () => stage.draw("glow");
  const scale = () => stage.view.view.scale;
  const near = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) * scale() <= HOLD_PX;
  const cancel = () => {
    corners = [];
    held = null;
    redraw();
  };
  const outline = () => {
    const object = corners.length ? null : objectById(store.state, store.state.selectedId);
    if (object?.counts !== edited.object?.counts || object?.id !== edited.object?.id) {
      edited = { object, polygons: object ? polygonsOf(stage, object, Math.max(1.5, 2 / scale())) : [] };
    }
    return edited.polygons;
  };
  const close = () => {
    if (corners.length < 3) return cancel();
    const closed = corners;
    cancel();
    putPolygons(stage, [closed], null);
  };
  return {
    press(at) {
      held = outline().flat().find((corner) => near(corner, at)) ?? corners.find((corner) => near(corner, at)) ?? null;
    },
    move(at, event, moved) {
      tip = at;
      if (held && moved) Object.assign(held, inside(at, openImage(store.state)));
      redraw();
    },
    hover(at) {
      tip = at;
      if (corners.length) redraw();
    },
    release(at, event, moved) {
      const wasHeld = held;
      held = null;
      if (wasHeld && moved) {
        if (edited.object && !corners.length) putPolygons(stage, edited.polygons, edited.object);
        return;
      }
      if (corners.length > 2 && near(corners[0], at)) return close();
      if (!corners.length && edited.object && stage.hitsSelected?.(at)) return;
      corners = [...corners, inside(at, openImage(store.state))];
      redraw();
    },
    finish: close,
    back() {
      corners = corners.slice(0, -1);
      redraw();
      return true;
    },
    get isOpen() {
      return corners.length > 0;
    },
    cancel,
    draw(context, view) {
      if (corners.length) drawPolygons(context, view, [corners], true, tip);
      else drawPolygons(context, view, outline(), false);
    },
  };
}
