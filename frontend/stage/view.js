/** Zoom and pan: the wheel, two fingers, a drag with space or the middle button, and the keyboard. */

import { clamp, fit, zoomAt } from "./geometry.js";

const MARGIN_PX = 12;

/**
 * Watch an element and keep the view of the image in it.
 *
 * @param {HTMLElement} element the stage
 * @param {() => {width: number, height: number} | null} imageSize
 * @param {(view: import("./geometry.js").View) => void} onChange
 */
export function createView(element, imageSize, onChange) {
  let view = { scale: 1, x: 0, y: 0 };
  // While nobody zoomed, the image follows the size of the window.
  let isFitted = true;
  const stage = () => ({ width: element.clientWidth, height: element.clientHeight });
  const set = (next) => {
    const image = imageSize();
    view = image ? clamp(next, image, stage()) : next;
    onChange(view);
  };
  const lowest = () => {
    const image = imageSize();
    return image ? Math.min(fit(image, stage(), MARGIN_PX).scale, 1) / 2 : 0.01;
  };

  const controls = {
    get view() {
      return view;
    },
    /** Show the whole image. */
    fit() {
      const image = imageSize();
      isFitted = true;
      if (image) set(fit(image, stage(), MARGIN_PX));
    },
    /** Show one pixel of the image as one of the screen, or the whole image again. */
    toggleActualSize() {
      if (Math.abs(view.scale * devicePixelRatio - 1) < 0.01) return controls.fit();
      controls.zoom(1 / devicePixelRatio / view.scale);
    },
    /** Zoom by a factor at a point of the stage, its middle by default. */
    zoom(factor, at = { x: element.clientWidth / 2, y: element.clientHeight / 2 }) {
      isFitted = false;
      set(zoomAt(view, at, factor, lowest()));
    },
    /** Move the image by pixels of the screen. */
    pan(x, y) {
      isFitted = false;
      set({ ...view, x: view.x + x, y: view.y + y });
    },
  };

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const frame = element.getBoundingClientRect();
      const at = { x: event.clientX - frame.left, y: event.clientY - frame.top };
      const unit = event.deltaMode === 1 ? 16 : 1;
      if (event.shiftKey) controls.pan(-(event.deltaX || event.deltaY) * unit, 0);
      else controls.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.002)), at);
    },
    { passive: false },
  );
  _watchFingers(element, controls);
  const observer = new ResizeObserver(() => (isFitted ? controls.fit() : set(view)));
  observer.observe(element);
  return { ...controls, get view() { return view; }, stop: () => observer.disconnect() };
}

/** Two fingers zoom and pan together. */
function _watchFingers(element, controls) {
  const fingers = new Map();
  let last = null;
  const spread = () => {
    const [a, b] = [...fingers.values()];
    const frame = element.getBoundingClientRect();
    return {
      x: (a.clientX + b.clientX) / 2 - frame.left,
      y: (a.clientY + b.clientY) / 2 - frame.top,
      distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY),
    };
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, event);
    last = fingers.size === 2 ? spread() : null;
  });
  element.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (fingers.size !== 2 || !last) return;
    const now = spread();
    controls.pan(now.x - last.x, now.y - last.y);
    if (last.distance > 0) controls.zoom(now.distance / last.distance, now);
    last = now;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      last = null;
    });
  }
}
