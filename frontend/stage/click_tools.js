/** Tools that ask the API: a new object, more of it, less of it, and a box. */

import { boxOf, inside, isOn } from "./geometry.js";
import { drawBand, drawPoints, drawPreview } from "./marks.js";
import { objectById } from "./objects.js";
import { levelOf } from "./paths.js";
import { openImage, say } from "./store.js";

/** The pointer rests for so long before the API is asked what a click would make. */
const REST_MS = 120;
/** A box has at least this many pixels of the image on each side. */
const MIN_SIDE_PX = 2;

const NOWHERE = { width: 0, height: 0 };

/** @param {import("./main.js").Stage} stage */
export function clickTools({ store, clicks, draw, renderer }) {
  /** The first corner of a box, and the one under the pointer. */
  let from = null;
  let to = null;
  /** A tap set the first corner: the next one sets the other. */
  let isHalf = false;

  let timer = 0;
  const hover = (at) => {
    clearTimeout(timer);
    clicks.endPreview();
    if (!isOn(at, openImage(store.state) ?? NOWHERE)) return;
    timer = setTimeout(() => clicks.ask({ ...at, label: 1 }), REST_MS);
  };
  const cancel = () => {
    clearTimeout(timer);
    clicks.endPreview();
    from = to = null;
    isHalf = false;
    draw("glow");
  };
  const click = (at, label) => {
    const image = openImage(store.state);
    if (!isOn(at, image)) return;
    const { selectedId, tool } = store.state;
    const isNew = tool === "new" && label === 1 && !click.corrects;
    if (!isNew && selectedId === null) return say(store, "Select an object first, or make a new one (N)");
    clicks.send(isNew ? null : selectedId, [{ ...at, label }]);
  };
  const press = (at) => {
    clearTimeout(timer);
    if (isHalf) return;
    from = inside(at, openImage(store.state));
  };
  const move = (at, event, moved) => {
    if (!from || !(moved || isHalf)) return;
    to = inside(at, openImage(store.state));
    draw("glow");
  };
  /** Send a dragged box, or that of two taps; says whether there was one. */
  const takeBox = (at, id) => {
    const box = boxOf(from, inside(at, openImage(store.state)));
    cancel();
    if (box[2] - box[0] < MIN_SIDE_PX || box[3] - box[1] < MIN_SIDE_PX) return;
    clicks.send(id, [], box);
  };
  const tool = (release, extra = {}) => ({
    press, move, release, cancel,
    draw(context, view) {
      if (clicks.preview) drawPreview(context, view, renderer.pathOf(clicks.preview, levelOf(view.scale * devicePixelRatio)));
      if (from && to) drawBand(context, view, boxOf(from, to));
      else if (from && isHalf) drawPoints(context, view, [{ ...from, label: 1 }]);
      const { state } = store;
      drawPoints(context, view, objectById(state, state.selectedId)?.points ?? []);
      for (const { imageKey, points, box } of clicks.pending) {
        if (imageKey !== state.openKey) continue;
        if (box) drawBand(context, view, box);
        drawPoints(context, view, points, true);
      }
    },
    ...extra,
  });
  const clicking = (label, extra) =>
    tool((at, event, moved) => {
      const { selectedId, tool: name } = store.state;
      if (moved && from) return takeBox(at, name === "new" ? null : selectedId);
      cancel();
      // Shift and Alt correct the object that was just made.
      click.corrects = event.shiftKey;
      click(at, event.altKey ? 0 : label);
    }, extra);
  return {
    new: clicking(1, { hover }),
    add: clicking(1),
    remove: clicking(0),
    box: tool(
      (at, event, moved) => {
        if (moved || isHalf) return takeBox(at, null);
        isHalf = true;
        draw("glow");
      },
      { hover: (at) => isHalf && move(at, null, true) },
    ),
  };
}
