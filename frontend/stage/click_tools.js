/** Tools that ask the API: a new object, more of it, less of it, and a box. */

import { boxOf, inside, isOn } from "./geometry.js";
import { drawBand, drawPoints } from "./marks.js";
import { objectById } from "./objects.js";
import { openImage, say } from "./store.js";

/** A box has at least this many pixels of the image on each side. */
const MIN_SIDE_PX = 2;

/** @param {import("./main.js").Stage} stage */
export function clickTools({ store, clicks, draw }) {
  /** The first corner of a box, and the one under the pointer. */
  let from = null;
  let to = null;
  /** A tap set the first corner: the next one sets the other. */
  let isHalf = false;

  const cancel = () => {
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
  const clicking = (label) =>
    tool((at, event, moved) => {
      const { selectedId, tool: name } = store.state;
      if (moved && from) return takeBox(at, name === "new" ? null : selectedId);
      cancel();
      // Shift and Alt correct the object that was just made.
      click.corrects = event.shiftKey;
      click(at, event.altKey ? 0 : label);
    });
  return {
    new: clicking(1),
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
