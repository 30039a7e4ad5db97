/** Keys for everything, and the dialog that lists them. */

import { cut, hide, remove } from "./card.js";
import { make } from "./dom.js";
import { drawCross } from "./marks.js";
import * as objects from "./objects.js";
import { openImage, openNeighbour, patchImage, say, setTool } from "./store.js";
import { TOOLS } from "./toolbar.js";

const STEP_PX = 10;
const ZOOM = 1.25;

/**
 * The keys: what they are called, what the list says, and what they do. The first one that fits is
 * done; `when` says where it fits.
 *
 * @param {import("./main.js").Stage} stage
 */
export function keyMap(stage) {
  const { store, view } = stage;
  const selected = () => objects.objectById(store.state, store.state.selectedId);
  const withSelected = (run) => ({ when: () => selected() !== null, run: () => run(selected()) });
  const toggle = (field) => () => store.set({ [field]: !store.state[field] });
  const said = (done, word, none) => () => say(store, done(store) ? word : none);
  const size = (factor) => () =>
    store.set({ brushPx: Math.min(Math.max(store.state.brushPx * factor, 1), 2000) });
  const review = (state) => () => {
    const image = openImage(store.state);
    if (!image) return;
    const next = image.review === state ? "none" : state;
    patchImage(store, image.key, { review: next });
    say(store, next === "none" ? `${image.name} not reviewed` : `${image.name} ${next}`);
  };
  return [
    ...TOOLS.map(({ tool, name, key }) => ({ group: "Tools", keys: [key], text: name, run: () => setTool(store, tool) })),
    { group: "Tools", keys: ["["], text: "Smaller brush", run: size(1 / ZOOM) },
    { group: "Tools", keys: ["]"], text: "Larger brush", run: size(ZOOM) },
    { group: "Tools", keys: ["Enter"], text: "Close the polygon", when: () => stage.tool().isOpen, run: () => stage.tool().finish() },
    { group: "Object", keys: ["ArrowDown", "."], text: "Next object", run: () => objects.selectNeighbour(store, 1) },
    { group: "Object", keys: ["ArrowUp", ","], text: "Object before", run: () => objects.selectNeighbour(store, -1) },
    { group: "Object", keys: ["R", "F2"], text: "Rename", ...withSelected(() => stage.rename()) },
    { group: "Object", keys: ["H"], text: "Hide", ...withSelected((object) => hide(stage, object)) },
    { group: "Object", keys: ["S"], text: "Show it alone", ...withSelected(({ id }) => objects.toggleSolo(store, { id })) },
    { group: "Object", keys: ["K"], text: "Keep a weaker find", ...withSelected(({ id }) => objects.keepObjects(store, [id])) },
    { keys: ["Backspace"], when: () => stage.tool().isOpen, run: () => stage.tool().back() },
    { group: "Object", keys: ["Backspace", "Delete"], text: "Delete", ...withSelected((object) => remove(stage, object)) },
    { group: "Object", keys: ["Ctrl+C"], text: "Copy its cut-out", ...withSelected((object) => cut(stage, object)) },
    { group: "Object", keys: ["Z", "Ctrl+Z"], text: "Undo", run: said(objects.undo, "Undone", "Nothing to undo") },
    { group: "Object", keys: ["Y", "Ctrl+Y", "Ctrl+Shift+Z"], text: "Redo", run: said(objects.redo, "Done again", "Nothing to redo") },
    { group: "Object", keys: ["Escape"], text: "Nothing selected", run: () => escape(stage) },
    { group: "Picture", keys: ["+", "="], text: "Zoom in", run: () => view.zoom(ZOOM) },
    { group: "Picture", keys: ["-"], text: "Zoom out", run: () => view.zoom(1 / ZOOM) },
    { group: "Picture", keys: ["0"], text: "Whole image", run: () => view.fit() },
    { group: "Picture", keys: ["1"], text: "Its own pixels", run: () => view.toggleActualSize() },
    { group: "Picture", keys: ["C"], text: "Before and after", run: toggle("compare") },
    { group: "Picture", keys: ["O"], text: "Boxes", run: toggle("showBoxes") },
    { group: "Picture", keys: ["W"], text: "Weaker finds", run: toggle("showWeaker") },
    { group: "Images", keys: ["ArrowRight"], text: "Next image", run: () => openNeighbour(store, 1) },
    { group: "Images", keys: ["ArrowLeft"], text: "Image before", run: () => openNeighbour(store, -1) },
    { group: "Images", keys: ["Q"], text: "Accept the image", run: review("accepted") },
    { group: "Images", keys: ["D"], text: "Reject the image", run: review("rejected") },
    { group: "Images", keys: ["/"], text: "Write what to find", run: () => stage.slots.prompt.querySelector("input, textarea")?.focus() },
    { group: "Images", keys: ["?"], text: "This list", run: () => stage.showKeys() },
  ];
}

/** Return how a key event is called: Ctrl stands for ⌘ too; Shift only where it does not make the sign. */
export function nameOfKey({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const letter = key.length === 1 ? key.toUpperCase() : key;
  const isLetter = /^[A-Z]$/.test(letter);
  const shift = shiftKey && (isLetter || key.length > 1) ? "Shift+" : "";
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shift}${letter}`;
}

/** Say whether what is focused takes the keys itself. */
export function takesKeys(element) {
  if (!element?.matches) return false;
  return element.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button])");
}

/** @param {import("./main.js").Stage} stage */
export function createKeys(stage) {
  const { store, slots, root } = stage;
  const map = keyMap(stage);
  const dialog = keyDialog(map);
  root.append(dialog);
  stage.showKeys = () => dialog.showModal();
  const cross = createCross(stage);

  /** Do what a key stands for; says whether it stood for something. */
  const take = (event) => {
    const [focused] = event.composedPath();
    if (event.defaultPrevented || root.querySelector("dialog[open]") || takesKeys(focused)) return false;
    if (focused?.matches?.("button, a, [role=slider], summary") && ["Enter", " "].includes(event.key)) return false;
    if (focused === slots.canvas && cross(event)) return true;
    const name = nameOfKey(event);
    // Text that is marked is copied as text.
    if (name === "Ctrl+C" && String(getSelection())) return false;
    const found = map.find(({ keys, when }) => keys.includes(name) && (!when || when()));
    found?.run();
    return found !== undefined;
  };
  /** Keys within the stage stay there: the page around it has keys of its own (R runs it anew). */
  const hearInside = (event) => {
    if (take(event)) event.preventDefault();
    event.stopPropagation();
  };
  const hearOutside = (event) => {
    if (!root.isConnected || event.target !== document.body || !take(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  root.addEventListener("keydown", hearInside);
  window.addEventListener("keydown", hearOutside, true);
  const end = store.subscribe((state, before) => {
    if (state.openKey !== before.openKey || state.tool !== before.tool) cross.hide();
  });
  return () => {
    window.removeEventListener("keydown", hearOutside, true);
    end();
  };
}

function escape(stage) {
  if (stage.tool().isOpen) return stage.tool().cancel();
  stage.tool().cancel?.();
  if (stage.store.state.solo) stage.store.set({ solo: null });
  else objects.selectObject(stage.store, null);
}

/**
 * The cross: with a tool other than Select, the arrow keys move it over the focused picture, Shift
 * makes small steps, and Enter or the space bar is a click. Returns what takes such a key.
 */
function createCross(stage) {
  const { store, view, slots } = stage;
  let at = null;
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const take = (event) => {
    const image = openImage(store.state);
    if (!image) return false;
    const arrow = arrows[event.key];
    if (arrow && (store.state.tool === "select") && event.shiftKey) {
      view.pan(-arrow[0] * 4 * STEP_PX, -arrow[1] * 4 * STEP_PX);
      return true;
    }
    if (store.state.tool === "select" || event.ctrlKey || event.metaKey) return false;
    if (arrow) {
      const step = (event.shiftKey ? 1 : STEP_PX) / view.view.scale;
      at ??= { x: image.width / 2, y: image.height / 2 };
      at = {
        x: Math.min(Math.max(at.x + arrow[0] * step, 0), image.width - 1),
        y: Math.min(Math.max(at.y + arrow[1] * step, 0), image.height - 1),
      };
    } else if (at && ["Enter", " "].includes(event.key) && !stage.tool().isOpen) {
      stage.tool().press?.(at, event);
      stage.tool().release?.(at, event, false);
    } else if (at && event.key === " ") {
      stage.tool().release?.(at, event, false);
    } else {
      return false;
    }
    stage.draw("glow");
    return true;
  };
  take.hide = () => (at = null);
  slots.canvas.addEventListener("blur", take.hide);
  slots.canvas.addEventListener("pointermove", take.hide);
  const drawn = stage.drawAlso;
  stage.drawAlso = (context, place) => {
    drawn?.(context, place);
    if (at) drawCross(context, place, at);
  };
  return take;
}

const SIGNS = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Backspace: "⌫", Escape: "Esc" };

function keyDialog(map) {
  /** @type {Map<string, object[]>} */
  const groups = new Map();
  for (const entry of map) {
    if (entry.group) groups.set(entry.group, [...(groups.get(entry.group) ?? []), entry]);
  }
  const dialog = make("dialog", { className: "keys", "aria-labelledby": "keys-title" });
  const close = make("button", { type: "button", className: "close", "aria-label": "Close", click: () => dialog.close() }, "×");
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.append(
    make("h2", { id: "keys-title" }, "Keys"),
    close,
    ...[...groups].map(([group, entries]) =>
      make(
        "section",
        {},
        make("h3", { className: "caption" }, group),
        make("dl", {}, ...entries.flatMap(({ keys, text }) => [
          make("dt", {}, ...keys.slice(0, 2).map((key) => make("kbd", {}, SIGNS[key] ?? key))),
          make("dd", {}, text),
        ])),
      ),
    ),
    make("p", {}, "With the picture focused and a tool chosen, the arrow keys move a cross, Shift in small steps; Enter clicks."),
  );
  return dialog;
}
