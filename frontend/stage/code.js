/** The dialog with the request on the page as code, to copy. */

import { make } from "./dom.js";
import { createDialog } from "./popup.js";
import { fieldsOf, thingsOf } from "./query.js";
import { asCommand, asCurl, asPython, shownFields } from "./snippets.js";
import { openImage, say } from "./store.js";

/** @param {import("./main.js").Stage} stage */
export function createCode({ store, slots, root }) {
  const show = createDialog(root, "The same as code", "code");
  const open = () => {
    const { state } = store;
    const image = openImage(state) ?? { name: "photo.jpg", width: 0, height: 0 };
    const sent = image.sent ?? {
      path: "/segment",
      fields: thingsOf(state.query).length
        ? fieldsOf(state.query, state.settings, state.confidence, image)
        : { text_prompt: "cat . dog .", box_threshold: state.confidence },
    };
    const request = { path: sent.path, fields: shownFields(sent, state.confidence) };
    const address = new URL("api", document.baseURI).href.replace(/[?#].*$/, "");
    const command = asCommand(request, image.name);
    const isCorrected = image.objects?.some((object) => object.corrected || object.deleted || object.hidden);
    show(
      isCorrected ? make("p", { className: "quiet" }, "Without what was corrected here by hand: Export has that.") : "",
      block(store, "curl", asCurl(request, image.name, address)),
      block(store, "Python", asPython(request, image.name, address)),
      command
        ? block(store, "Command line", command)
        : make("p", { className: "quiet" }, "The command line takes such choices in the words of the prompt only."),
      make("p", { className: "quiet" }, "All fields are explained, and can be tried out, in the ", make("a", { href: "api/docs", target: "_blank" }, "API's documentation"), " (/docs); the ", make("a", { href: "api/openapi.json", target: "_blank" }, "OpenAPI document"), " is for programs."),
    );
  };
  slots.actions.append(make("button", { type: "button", className: "action code-button", title: "Copy as curl, Python or command", click: open }, "Code"));
}

function block(store, title, text) {
  const copy = make("button", {
    type: "button", className: "link", "aria-label": `Copy as ${title}`,
    click: async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
        say(store, `${title} copied`);
      } catch {
        getSelection().selectAllChildren(code);
        say(store, "Marked: this browser gave no clipboard");
      }
    },
  }, "Copy");
  const code = make("code", {}, text);
  return make("section", {}, make("header", {}, make("h3", { className: "caption" }, title), copy), make("pre", { tabIndex: 0, "aria-label": `${title} code` }, code));
}
