/** Confidence and opacity: both only change what is drawn; nothing is run again. */

import { make } from "./dom.js";
import { keepObjects, weakerObjects } from "./objects.js";
import { openImage, say, setConfidence, setOpacity } from "./store.js";

/** @param {import("./main.js").Stage} stage */
export function createSliders({ store, slots }) {
  const confidence = slider("Confidence", "confidence", (value) => setConfidence(store, value));
  const opacity = slider("Mask opacity", "opacity", (value) => setOpacity(store, value));
  const sentence = make("span", {});
  const show = make("button", { type: "button", className: "link", click: () => store.set({ showWeaker: !store.state.showWeaker }) });
  const keep = make("button", { type: "button", className: "link", click: () => keepAll(store) }, "Keep all");
  const weaker = make("p", { className: "weaker" }, sentence, show, keep);
  slots.sliders.append(confidence.row, weaker, opacity.row);

  const update = (state) => {
    confidence.set(state.confidence);
    opacity.set(state.opacity);
    const count = openImage(state) ? weakerObjects(state).length : 0;
    weaker.hidden = count === 0;
    sentence.textContent = `${count} weaker ${count === 1 ? "find" : "finds"} under ${state.confidence.toFixed(2)}`;
    show.textContent = state.showWeaker ? "Hide" : "Show";
    show.setAttribute("aria-pressed", String(state.showWeaker));
    keep.hidden = !state.showWeaker;
  };
  update(store.state);
  return store.subscribe(update);
}

function keepAll(store) {
  const weaker = weakerObjects(store.state);
  keepObjects(store, weaker.map((object) => object.id));
  say(store, `${weaker.length} kept`);
}

function slider(name, id, take) {
  const value = make("output", { htmlFor: id });
  const input = make("input", {
    type: "range", id, min: "0", max: "1", step: "0.01",
    input: () => take(Number(input.value)),
  });
  const row = make(
    "div",
    { className: "slider" },
    make("label", { className: "caption", htmlFor: id }, name),
    value,
    input,
  );
  return {
    row,
    set(number) {
      if (Number(input.value) !== number) input.value = String(number);
      input.style.setProperty("--filled", `${100 * number}%`);
      value.textContent = number.toFixed(2);
    },
  };
}
