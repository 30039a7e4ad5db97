/**
 * The stage: mounts the workspace into an element and connects its parts over the store.
 *
 * @typedef {object} Stage what every part gets
 * @property {import("./store.js").Store} store
 * @property {HTMLElement} root
 * @property {Record<"top"|"prompt"|"actions"|"tools"|"canvas"|"side"|"objects"|"sliders"|"facts"|"strip"|"status", HTMLElement>} slots
 * @property {ReturnType<typeof createView>} view
 * @property {ReturnType<typeof createRenderer>} renderer
 * @property {(object: object) => import("./masks.js").Mask} maskOf
 * @property {object | null} api what api.js exports, or a double of it
 * @property {ReturnType<typeof import("./clicks.js").createClicks>} clicks
 * @property {(...layers: import("./frames.js").Layer[]) => void} draw
 * @property {() => object} tool what the chosen tool can do: finish, cancel, isOpen
 * @property {() => void} rename writes a new name for the selected object
 * @property {() => void} showKeys
 */

import { icon, make } from "./dom.js";
import { createCard } from "./card.js";
import { createClicks } from "./clicks.js";
import { createCompare } from "./compare.js";
import { createFrames } from "./frames.js";
import { createKeys } from "./keys.js";
import { createList } from "./list.js";
import { createLive } from "./live.js";
import { createMasks } from "./masks.js";
import { createRenderer } from "./render.js";
import { createSliders } from "./sliders.js";
import { createStore, openImage } from "./store.js";
import { createToolbar } from "./toolbar.js";
import { createTools } from "./tools.js";
import { createView } from "./view.js";
import { createWorkspace } from "./workspace.js";

/** The parts of the workspace; each gets the stage and returns what ends it, or nothing. */
const PARTS = [
  createTools, createToolbar, createList, createSliders, createLive, createCard, createCompare, createKeys,
  createWorkspace,
];

/**
 * Mount the workspace.
 *
 * @param {HTMLElement | ShadowRoot} parent
 * @param {{store?: import("./store.js").Store, api?: object | null, parts?: ((stage: Stage) => void)[]}} options
 * @returns {Stage & {unmount: () => void}}
 */
export function mount(parent, { store = createStore(), api = null, parts = PARTS } = {}) {
  const { root, slots } = layout();
  parent.append(root);
  const maskOf = createMasks();
  const renderer = createRenderer(slots.canvas, maskOf);
  const frames = createFrames(store, renderer, () => stage.view.view, () => stage.drawAlso);
  const draw = frames.ask;
  const clicks = createClicks(store, api, maskOf, () => draw("glow"));
  const stage = { store, root, slots, api, maskOf, renderer, clicks, draw, view: null, showKeys: () => {} };
  const size = () => {
    const image = openImage(store.state);
    return image?.width ? image : null;
  };
  stage.view = createView(slots.canvas, size, () => {
    stage.placeCard?.();
    stage.placeHandle?.();
    frames.moved();
  });

  // A photo says its size itself where nobody knew it.
  renderer.photo.addEventListener("load", () => {
    const image = openImage(store.state);
    if (image && !image.width) {
      const { naturalWidth: width, naturalHeight: height } = renderer.photo;
      store.set({ images: store.state.images.map((each) => (each === image ? { ...each, width, height } : each)) });
    }
  });
  const ends = [
    store.subscribe((state, before) => {
      const [image, earlier] = [openImage(state), openImage(before)];
      if (image?.key !== earlier?.key || image?.width !== earlier?.width) {
        draw("photo");
        stage.view.fit();
      }
      draw(...changed(state, before));
    }),
    () => stage.view.stop(),
    frames.stop,
    ...parts.map((part) => part(stage)),
  ];
  draw("photo", "masks", "glow", "opacity", "compare");
  stage.view.fit();
  return Object.assign(stage, {
    unmount() {
      for (const end of ends) end?.();
      root.remove();
    },
  });
}

/** Return the layers that a change of the state touches. */
export function changed(state, before) {
  const differs = (...names) => names.some((name) => !Object.is(state[name], before[name]));
  const layers = [];
  if (differs("images", "openKey", "confidence", "showBoxes", "showWeaker", "solo")) layers.push("masks", "glow");
  if (differs("images", "openKey")) layers.push("photo");
  if (differs("selectedId", "hoveredId", "tool", "brushPx")) layers.push("glow");
  if (differs("opacity")) layers.push("opacity");
  if (differs("compare", "compareAt", "openKey")) layers.push("compare");
  return layers;
}

/** Make the frame of the workspace, with a slot for each part. */
function layout() {
  const slots = {
    prompt: make("div", { className: "prompt" }),
    actions: make("div", { className: "actions" }),
    tools: make("nav", { className: "tools", "aria-label": "Tools" }),
    canvas: make("div", {
      className: "canvas", tabIndex: 0, role: "application",
      "aria-label": "Image: arrow keys move it, plus and minus zoom, Tab selects objects",
    }),
    objects: make("section", { className: "part", "aria-label": "Objects" }),
    sliders: make("section", { className: "part", "aria-label": "What is shown" }),
    facts: make("section", { className: "part", "aria-label": "How it was found" }),
    strip: make("div", { className: "strip" }),
    status: make("div", { className: "status" }),
  };
  slots.top = make(
    "header",
    { className: "top" },
    make("h1", { className: "brand" }, icon("solo"), "EdgeSeg"),
    slots.prompt,
    slots.actions,
  );
  slots.side = make("aside", { className: "side", "aria-label": "Result" }, slots.objects, slots.sliders, slots.facts);
  const foot = make("footer", { className: "foot" }, slots.strip, slots.status);
  const root = make("div", { className: "stage" }, slots.top, slots.tools, slots.canvas, slots.side, foot);
  return { root, slots };
}
