/**
 * The pointer on the picture: hovering, selecting, clicks, boxes, strokes and corners, moving.
 *
 * Each tool is an object with what it does at `press`, `move`, `release`, and what it `draws`;
 * points are in pixels of the image.
 */

import { clickTools } from "./click_tools.js";
import { drawingTools } from "./drawing_tools.js";
import { isOn, toImage } from "./geometry.js";
import { objectAt } from "./hit.js";
import * as objects from "./objects.js";
import { openImage } from "./store.js";

/** A press that moves less than this many CSS pixels is a tap. */
export const TAP_PX = 5;

/**
 * Listen to the pointer.
 *
 * @param {import("./main.js").Stage} stage
 */
export function createTools(stage) {
  const { store, slots, view } = stage;
  const { canvas } = slots;
  const tools = { select: {}, ...clickTools(stage), ...drawingTools(stage) };
  /** @type {null | {at: {x: number, y: number}, last: {x: number, y: number}, moved: boolean, pans: boolean, id: number}} */
  let press = null;
  let isSpace = false;
  stage.tool = () => tools[store.state.tool];
  stage.drawAlso = (context, at) => tools[store.state.tool].draw?.(context, at);

  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };
  const point = (event) => toImage(view.view, place(event));
  const end = () => {
    press = null;
    canvas.classList.remove("moving");
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button > 1 || !openImage(store.state) || event.target.closest("button, input, [role=slider]")) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const pans = event.button === 1 || isSpace || store.state.tool === "select";
    press = { at: place(event), last: place(event), moved: false, pans, id: event.pointerId };
    if (!pans) tools[store.state.tool].press?.(point(event), event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!press) {
      if (event.pointerType === "touch") return;
      hover(point(event));
      tools[store.state.tool].hover?.(point(event), event);
      return;
    }
    if (event.pointerId !== press.id) return;
    const now = place(event);
    press.moved ||= Math.hypot(now.x - press.at.x, now.y - press.at.y) >= TAP_PX;
    if (press.pans && press.moved) {
      canvas.classList.add("moving");
      view.pan(now.x - press.last.x, now.y - press.last.y);
      press.last = now;
    } else if (!press.pans) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) {
        tools[store.state.tool].move?.(point(each), event, press.moved);
      }
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!press || event.pointerId !== press.id) return;
    const { pans, moved } = press;
    end();
    if (!pans) tools[store.state.tool].release?.(point(event), event, moved);
    else if (!moved && event.button === 0 && !isSpace) select(point(event));
  });
  canvas.addEventListener("pointercancel", () => {
    end();
    tools[store.state.tool].cancel?.();
  });
  canvas.addEventListener("pointerleave", () => {
    objects.hoverObject(store, null);
    stage.clicks.endPreview();
  });
  // A second finger moves the image: what the first began is taken back.
  canvas.addEventListener("pointerdown", (event) => {
    if (event.isPrimary || !press) return;
    end();
    tools[store.state.tool].cancel?.();
  });

  function under(at) {
    const image = openImage(store.state);
    if (!image || !isOn(at, image)) return null;
    const { state } = store;
    const found = objectAt(objects.shownObjects(state), stage.maskOf, at);
    return found ?? (state.showWeaker ? objectAt(objects.weakerObjects(state), stage.maskOf, at) : null);
  }
  function hover(at) {
    const { tool } = store.state;
    objects.hoverObject(store, tool === "select" ? (under(at)?.id ?? null) : null);
  }
  function select(at) {
    objects.selectObject(store, under(at)?.id ?? null);
  }
  stage.selectAt = select;

  const listen = (name, down) => (event) => {
    if (event.key !== " " || event.composedPath()[0] !== canvas) return;
    isSpace = down;
    canvas.classList.toggle("grab", down);
  };
  canvas.addEventListener("keydown", listen("keydown", true));
  canvas.addEventListener("keyup", listen("keyup", false));
  return store.subscribe((state, before) => {
    if (state.tool === before.tool && state.openKey === before.openKey) return;
    tools[before.tool].cancel?.();
    objects.hoverObject(store, null);
    canvas.dataset.tool = state.tool;
  });
}
