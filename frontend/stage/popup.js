/** A button that opens a menu below it, and a dialog with a title: closed by Escape and a click beside it. */

import { make } from "./dom.js";

/**
 * @param {string} label
 * @param {string} name for the class and for who looks for it
 * @param {() => (Node | null)[]} items drawn anew each time the menu opens
 */
export function createPopup(label, name, items) {
  const panel = make("div", { className: "popup-panel", role: "menu", "aria-label": label, hidden: true });
  const button = make("button", {
    type: "button", className: `action ${name}`, "aria-haspopup": "menu", "aria-expanded": "false",
    click: () => (panel.hidden ? open() : close()),
  }, label);
  const box = make("div", { className: "popup", keydown: (event) => keydown(event) }, button, panel);
  const outside = (event) => !event.composedPath().includes(box) && close();

  function open() {
    panel.replaceChildren(...items().filter(Boolean));
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    window.addEventListener("pointerdown", outside);
    panel.querySelector("button")?.focus();
  }
  function close() {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    window.removeEventListener("pointerdown", outside);
  }
  function keydown(event) {
    if (panel.hidden) return;
    const buttons = [...panel.querySelectorAll("button:not(:disabled)")];
    const at = buttons.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      close();
      button.focus();
    } else if (step) buttons.at((at + step) % buttons.length)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  return { box, close };
}

/** Make an item of a menu. */
export function menuItem(label, hint, click) {
  return make(
    "button",
    { type: "button", role: "menuitem", className: "popup-item", click },
    make("span", {}, label),
    hint ? make("span", { className: "quiet" }, hint) : null,
  );
}

/** Make a dialog; the returned function shows it with these children. */
export function createDialog(root, title, className) {
  const body = make("div", { className: "dialog-body" });
  const id = `${className}-title`;
  const dialog = make(
    "dialog",
    { className: `dialog ${className}`, "aria-labelledby": id },
    make("h2", { id }, title),
    make("button", { type: "button", className: "close", "aria-label": "Close", click: () => dialog.close() }, "×"),
    body,
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  root.append(dialog);
  return (...children) => {
    body.replaceChildren(...children);
    if (!dialog.open) dialog.showModal();
  };
}
