/** Settings behind one button: how prompts are read, tiles, the most objects, and engines by role. */

import { make } from "./dom.js";
import { createDialog } from "./popup.js";

const ROLES = [
  ["simplify", "Simplifier"], ["detect", "Detector"], ["segment", "Segmenter"], ["ground", "Grounder"],
];
const MODES = [
  ["auto", "Auto: where it helps"], ["always", "Always, and stop when it fails"], ["never", "Never: take the words as they are"],
];
const TILES = [
  ["auto", "Auto: where the whole shows nothing"], ["always", "Always: for small objects"], ["never", "Never"],
];
const MAX_OBJECTS = 1000;
/** Detectors that take a threshold of words apart from that of boxes. */
const HAS_TEXT_THRESHOLD = /grounding.?dino/;

/** @param {import("./main.js").Stage} stage */
export function createSettings({ store, slots, root, api }) {
  const show = createDialog(root, "Settings", "settings");
  const change = (patch) => store.set({ settings: { ...store.state.settings, ...patch } });
  let engines = null;

  async function open() {
    draw();
    try {
      engines = await api.engines();
    } catch (error) {
      engines = { problem: error.message };
    }
    draw();
  }

  function draw() {
    const { settings } = store.state;
    show(
      select("Simplify the prompt", MODES, settings.simplify ?? "auto", (simplify) => change({ simplify })),
      select("Tiles of large images", TILES, settings.tile ?? "auto", (tile) => change({ tile })),
      maximum(settings.max_objects, (max_objects) => change({ max_objects })),
      hasTextThreshold(settings, engines)
        ? number("Minimum confidence of words", settings.text_threshold, { min: 0, max: 1, step: 0.05, placeholder: "0.25" }, (text_threshold) => change({ text_threshold }))
        : "",
      make("h3", { className: "caption" }, "Engines"),
      ...drawEngines(settings),
    );
  }

  function drawEngines(settings) {
    if (!engines) return [make("p", { className: "quiet" }, "Asking which there are …")];
    if (engines.problem) return [make("p", { className: "bad" }, engines.problem)];
    const choose = (role) => (name) => {
      const { [role]: _, ...others } = settings.engines ?? {};
      change({ engines: name ? { ...others, [role]: name } : others });
      draw();
    };
    return ROLES.flatMap(([role, title]) => {
      const known = engines.filter((engine) => engine.role === role && engine.allowed);
      const usable = known.filter((engine) => engine.available);
      if (!usable.length) return [];
      const usual = usable.find((engine) => engine.default)?.name;
      const rows = [["", usual ? `${usual} (default)` : "default"], ...usable.filter(({ name }) => name !== usual).map(({ name }) => [name, name])];
      const chosen = settings.engines?.[role] ?? "";
      const about = usable.find(({ name }) => name === (chosen || usual));
      const missing = known.filter((engine) => !engine.available && engine.missing);
      return [
        select(title, rows, chosen, choose(role), about?.description),
        ...(missing.length ? [make("details", { className: "quiet" }, make("summary", {}, `${missing.length} more to get`), make("ul", {}, ...missing.map(({ name, missing: how }) => make("li", {}, make("b", {}, name), ` ${how}`))))] : []),
      ];
    });
  }
  slots.actions.append(make("button", { type: "button", className: "action settings-button", title: "Settings", "aria-label": "Settings", click: open }, "⚙"));
}

/** Say whether the detector that is chosen takes a threshold of words of its own. */
export function hasTextThreshold(settings, engines) {
  if (!Array.isArray(engines)) return false;
  const usual = engines.find((engine) => engine.role === "detect" && engine.default)?.name ?? "";
  return HAS_TEXT_THRESHOLD.test(settings.engines?.detect ?? usual);
}

function field(label, control, hint) {
  return make("label", { className: "field" }, make("span", {}, label), control, hint ? make("small", { className: "quiet" }, hint) : null);
}

function select(label, rows, value, take, hint) {
  const box = make("select", { change: () => take(box.value) }, ...rows.map(([name, words]) => make("option", { value: name, selected: name === value }, words)));
  return field(label, box, hint);
}

function number(label, value, limits, take) {
  const box = make("input", { type: "number", value: value ?? "", ...limits, change: () => box.validity.valid && take(box.value === "" ? null : Number(box.value)) });
  return field(label, box);
}

/** The most objects; what cannot be is said at the field. */
function maximum(value, take) {
  const problem = make("small", { className: "bad", role: "alert" });
  const box = make("input", {
    type: "number", value: value ?? "", min: 1, max: MAX_OBJECTS, step: 1, placeholder: "all",
    input: () => {
      const count = Number(box.value);
      const isWhole = box.value === "" ? !box.validity.badInput : Number.isInteger(count) && count >= 1 && count <= MAX_OBJECTS;
      problem.textContent = isWhole ? "" : `Write a whole number from 1 to ${MAX_OBJECTS}, or nothing for all.`;
      box.setAttribute("aria-invalid", String(!isWhole));
      if (isWhole) take(box.value === "" ? null : count);
    },
  });
  const row = field("Maximum objects", box);
  row.append(problem);
  return row;
}
