/** How the open result was found: what was asked, why it was read so, engines, times, earlier results. */

import { make } from "./dom.js";
import { exportedObjects } from "./objects.js";
import { unknownWords } from "./notices.js";
import { bringBack } from "./runner.js";
import { openImage } from "./store.js";
import { counted } from "./words.js";

const ROLES = ["simplify", "detect", "segment", "ground", "classify"];

/** @param {import("./main.js").Stage} stage */
export function createFacts({ store, slots }) {
  const box = make("div", { className: "facts" });
  slots.facts.append(box);
  const update = (state, before = {}) => {
    const image = openImage(state);
    if (image === before.drawnImage) return;
    if (before.images && image === openImage(before)) return;
    box.replaceChildren(...(image?.result ? rowsOf(store, image) : []));
  };
  update(store.state);
  return store.subscribe(update);
}

function rowsOf(store, image) {
  const { result, sent } = image;
  const asked = sent?.query?.asked || result.prompt;
  const reason = sent?.query?.reason || result.simplify_reason;
  const known = unknownWords(result.warnings ?? []).length;
  const warnings = (result.warnings ?? []).slice(known);
  return [
    ...(asked ? [make("h3", { className: "caption" }, "Asked for"), make("p", { className: "asked" }, asked)] : []),
    reason ? make("p", { className: "quiet why" }, `Why: ${reason}`) : "",
    ...warnings.map((warning) => make("p", { className: "warning" }, warning)),
    make("h3", { className: "caption" }, "Ran on"),
    make("p", { className: "quiet ran" }, ranOn(result)),
    ...pastOf(store, image),
  ];
}

/** Return engines, device and time in one line: "nano · cpu · 0.31 s". */
export function ranOn({ engines = {}, timings_ms: times = {} }) {
  const ran = ROLES.map((role) => engines[role]).filter(Boolean);
  const names = [...new Set(ran.map((engine) => engine.name))];
  const devices = [...new Set(ran.map((engine) => engine.device))];
  const seconds = times.total === undefined ? [] : [`${(times.total / 1000).toFixed(2)} s`];
  return [names.join(" + "), devices.join(" + "), ...seconds].filter(Boolean).join(" · ");
}

function pastOf(store, image) {
  if (!image.past?.length) return [];
  const rows = image.past.map((earlier, index) => {
    const asked = earlier.sent.query?.asked || earlier.result.prompt || "everything";
    const label = `${asked} · ${counted(exportedObjects(earlier, store.state).length, "object")}`;
    return make("li", {}, make("button", { type: "button", className: "link", click: () => bringBack(store, image.key, index) }, label));
  });
  return [make("h3", { className: "caption" }, "Earlier results"), make("ul", { className: "past" }, ...rows.reverse())];
}
