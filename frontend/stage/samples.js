/** Six sample cards before there is an image: an image and a prompt that fits it, run by one click. */

import { make } from "./dom.js";

/**
 * @param {import("./main.js").Stage} stage
 * @param {{add: (files: File[]) => Promise<string[]>, choose: () => void, chooseFolder: () => void, photograph: () => void}} drop
 * @param {(prompt: string) => void} ask asks for a prompt on what is open
 */
export function createSamples({ store, slots }, drop, ask) {
  const cards = make("ul", { className: "cards" });
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const welcome = make(
    "div",
    { className: "welcome" },
    make("h2", {}, "Drop an image, then say what to find"),
    make(
      "div",
      { className: "ways" },
      make("button", { type: "button", className: "primary", click: drop.choose }, "Choose images"),
      make("button", { type: "button", className: "plain", click: drop.chooseFolder }, "A folder"),
      isTouch ? make("button", { type: "button", className: "plain", click: drop.photograph }, "Camera") : null,
    ),
    make("p", { className: "quiet" }, "Or paste one, or start with a sample:"),
    cards,
  );
  slots.canvas.append(welcome);
  fetch("/samples").then((answer) => answer.json()).then((rows) => {
    cards.replaceChildren(...rows.map((row) => card(row, drop, ask)));
  }).catch(() => {
    // Without samples the page is whole.
  });
  const update = (state) => {
    welcome.hidden = state.images.length > 0;
  };
  update(store.state);
  return store.subscribe(update);
}

function card({ title, prompt, url }, drop, ask) {
  const start = async () => {
    const answer = await fetch(url);
    const name = decodeURIComponent(
      answer.headers.get("content-disposition")?.match(/filename\*=UTF-8''(.*)/)?.[1] ?? `${title}.png`,
    );
    await drop.add([new File([await answer.blob()], name, { type: "image/png", lastModified: 0 })]);
    ask(prompt);
  };
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", className: "sample", click: start },
      make("img", { src: url, alt: "", loading: "lazy" }),
      make("span", { className: "sample-title" }, title),
      make("span", { className: "sample-prompt" }, prompt),
    ),
  );
}
