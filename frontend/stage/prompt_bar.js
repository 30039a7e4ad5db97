/** The prompt bar: what is asked for as chips, each changed or taken out, and Find. */

import { make } from "./dom.js";
import * as query from "./query.js";
import { isOnItsWay } from "./runner.js";
import { say } from "./store.js";

const EMPTY_HINT = "cat . dog  ·  the leftmost cup  ·  What can I sit on?";
const MORE_HINT = "add a thing, a place, a question …";
/** A caret that nobody moved for so long stands still: each blink draws the page again. */
const REST_MS = 5_000;

/**
 * Draw the bar.
 *
 * @param {import("./main.js").Stage} stage
 * @param {(onlyOpen: boolean) => void} find runs the query that the store holds
 * @param {() => void} stop ends what runs
 */
export function createPromptBar({ store, slots, api }, find, stop) {
  const chips = make("ul", { className: "chips", "aria-label": "What is asked for" });
  const box = make("textarea", {
    className: "ask-box", rows: 1, maxLength: 1000, "aria-label": "What to find", spellcheck: false,
    keydown: (event) => keydown(event),
    input: () => grow(box),
  });
  const button = make("button", { type: "submit", className: "find" });
  const form = make(
    "form",
    { className: "ask", role: "search", submit: (event) => { event.preventDefault(); submit(false); } },
    chips, box, button,
  );
  slots.prompt.append(form);
  restCaret(box);

  function keydown(event) {
    // Keys of the workspace are letters here.
    event.stopPropagation();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit(event.altKey);
    }
    if (event.key === "Backspace" && !box.value && store.state.query.chips.length) {
      change(query.withoutChip(store.state.query, store.state.query.chips.length - 1));
    }
  }

  const change = (next) => store.set({ query: next, prompt: next.asked });

  /** Take over what is written, then find. */
  async function submit(onlyOpen) {
    if (store.state.images.some(isOnItsWay) && !box.value.trim()) return stop();
    const text = query.inOneLine(box.value);
    if (text) await takeWords(text);
    if (!query.thingsOf(store.state.query).length) {
      say(store, "Write what to find, such as: cat . dog");
      return box.focus();
    }
    if (!store.state.images.length) return say(store, "Add an image first.");
    return find(onlyOpen);
  }

  async function takeWords(text) {
    box.value = "";
    grow(box);
    if (text.startsWith("-")) return change(query.withExclusion(store.state.query, text.slice(1).trim()));
    return change(query.withWords(store.state.query, text, await simplified(text)));
  }

  /** Return what the simplifier makes of words; null where it is switched off or does not answer. */
  async function simplified(text) {
    const { simplify, engines } = store.state.settings;
    if (simplify === "never") return null;
    button.disabled = true;
    try {
      return await api.simplify(text, engines?.simplify ? { simplify: engines.simplify } : {});
    } catch (error) {
      say(store, `${error.message} The words are taken as they are.`);
      return null;
    } finally {
      button.disabled = false;
    }
  }

  async function rewrite(index, text) {
    const chip = store.state.query.chips[index];
    if (chip.kind !== "choice") return change(query.withText(store.state.query, index, text));
    if (!text.trim() || text === query.inWords(chip)) return undefined;
    const made = await simplified(text.replace(/^leave out: /, "all except the "));
    if (made?.filters.length) return change(query.withChoices(store.state.query, index, made.filters));
    return say(store, `“${text}” says no place, size or colour to choose by.`);
  }

  const update = (state, before = {}) => {
    const busy = state.images.some(isOnItsWay);
    const label = busy ? "Stop" : state.images.length > 1 ? `Find in ${state.images.length}` : "Find";
    button.replaceChildren(label, busy ? "" : make("kbd", { "aria-hidden": "true" }, "⏎"));
    button.classList.toggle("busy", busy);
    button.title = state.images.length > 1 ? "Enter: in all images, Alt+Enter: in this one" : "Enter";
    if (state.query === before.query) return;
    box.placeholder = state.query.chips.length ? MORE_HINT : EMPTY_HINT;
    chips.replaceChildren(...state.query.chips.map((chip, index) => drawChip(chip, index, rewrite, () =>
      change(query.withoutChip(store.state.query, index)))));
  };
  update(store.state);
  return {
    stop: store.subscribe(update),
    focus: () => box.focus(),
    /** Ask for other words in place of those that are there, and find. */
    async ask(text) {
      change(query.NO_QUERY);
      box.value = text;
      await submit(false);
    },
  };
}

/** Let the caret stand still while nobody types. */
function restCaret(box) {
  let timer = 0;
  const wake = () => {
    clearTimeout(timer);
    box.classList.remove("resting");
    timer = setTimeout(() => box.classList.add("resting"), REST_MS);
  };
  for (const name of ["focus", "input", "keydown", "pointerdown"]) box.addEventListener(name, wake);
}

function grow(box) {
  box.rows = Math.min(box.value.split("\n").length, 4);
}

function drawChip(chip, index, rewrite, remove) {
  const words = query.inWords(chip);
  const name = make("button", {
    type: "button", className: "chip-text", title: "Change", click: () => write(name, words, (text) => rewrite(index, text)),
  }, words);
  return make(
    "li",
    { className: `chip ${chip.kind}` },
    name,
    make("button", { type: "button", className: "chip-x", "aria-label": `Take out ${words}`, click: remove }, "×"),
  );
}

/** Put a box in place of a chip's words; Enter and leaving it take the text, Escape does not. */
function write(name, words, take) {
  const box = make("input", { className: "chip-box", value: words, "aria-label": `Change ${words}`, size: Math.max(words.length, 6) });
  let isOver = false;
  const end = (isTaken) => {
    if (isOver) return;
    isOver = true;
    const { value } = box;
    box.replaceWith(name);
    if (isTaken) take(value);
  };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") {
      event.preventDefault();
      end(true);
    }
    if (event.key === "Escape") end(false);
  });
  box.addEventListener("blur", () => end(true));
  name.replaceWith(box);
  box.focus();
  box.select();
}
