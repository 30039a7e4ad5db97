/** The menu behind the brand: the other pages of the UI. */

import { make } from "./dom.js";

/**
 * Put the menu into the head of the stage.
 *
 * @param {import("./main.js").Stage} stage
 * @param {Record<string, string>} pages names by page
 * @param {(page: string) => void} open
 */
export function createPages({ slots }, pages, open) {
  const others = Object.entries(pages).filter(([page]) => page !== "stage");
  const menu = make(
    "details",
    { className: "pages" },
    make("summary", { "aria-label": "Other pages", title: "Other pages" }, "▾"),
    make(
      "ul",
      {},
      ...others.map(([page, name]) =>
        make("li", {}, make("button", { type: "button", click: () => open(page) }, name)),
      ),
    ),
  );
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    event.stopPropagation();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (!menu.contains(relatedTarget)) menu.open = false;
  });
  slots.top.querySelector(".brand").after(menu);
}
