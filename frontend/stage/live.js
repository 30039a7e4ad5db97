/** The live region, which screen readers speak, and the sentence at the foot of the picture. */

import { make } from "./dom.js";
import { HINTS } from "./toolbar.js";
import { openImage } from "./store.js";

/** How long a sentence stays at the foot before the tool's hint comes back, in milliseconds. */
const SENTENCE_MS = 5000;

/** @param {import("./main.js").Stage} stage */
export function createLive({ store, slots }) {
  const region = make("div", { className: "unseen", role: "status", "aria-live": "polite" });
  const hint = make("p", { className: "hint", "aria-hidden": "true" });
  slots.canvas.append(region, hint);
  let timer = 0;
  const showHint = (state) => {
    hint.textContent = openImage(state) ? HINTS[state.tool] : "";
    hint.hidden = !hint.textContent;
    hint.classList.remove("said");
  };
  showHint(store.state);
  return store.subscribe((state, before) => {
    if (state.announced !== before.announced) {
      region.textContent = state.announced;
      hint.textContent = state.announced;
      hint.hidden = !state.announced;
      hint.classList.add("said");
      clearTimeout(timer);
      timer = setTimeout(() => showHint(store.state), SENTENCE_MS);
    } else if (state.tool !== before.tool || state.openKey !== before.openKey) {
      showHint(state);
    }
  });
}
