/** Before and after: a handle over the picture, with the photo alone on its left. */

import { make } from "./dom.js";
import { openImage } from "./store.js";

const STEP = 0.02;

/** @param {import("./main.js").Stage} stage */
export function createCompare(stage) {
  const { store, slots, view } = stage;
  const set = (at) => store.set({ compareAt: Math.min(Math.max(at, 0), 1) });
  const handle = make("div", {
    className: "compare", role: "slider", tabIndex: 0, hidden: true,
    "aria-label": "Before and after", "aria-valuemin": 0, "aria-valuemax": 100,
    keydown(event) {
      const step = { ArrowLeft: -STEP, ArrowRight: STEP, PageDown: -5 * STEP, PageUp: 5 * STEP }[event.key];
      if (event.key === "Home") set(0);
      else if (event.key === "End") set(1);
      else if (step) set(store.state.compareAt + step);
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    pointerdown(event) {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    },
    pointermove(event) {
      const image = openImage(store.state);
      if (!image || !handle.hasPointerCapture(event.pointerId)) return;
      const x = event.clientX - slots.canvas.getBoundingClientRect().left;
      set((x - view.view.x) / (image.width * view.view.scale));
    },
  }, make("span", { "aria-hidden": "true" }, "⇔"));
  slots.canvas.append(handle);

  const draw = (state) => {
    const image = openImage(state);
    handle.hidden = !state.compare || !image;
    if (handle.hidden) return;
    handle.style.left = `${view.view.x + image.width * view.view.scale * state.compareAt}px`;
    handle.setAttribute("aria-valuenow", String(Math.round(100 * state.compareAt)));
  };
  stage.placeHandle = () => draw(store.state);
  return store.subscribe((state, before) => {
    const same = state.compare === before.compare && state.compareAt === before.compareAt &&
      state.openKey === before.openKey;
    if (!same) draw(state);
  });
}
