/** The objects beside the picture: grouped by class, with counts, scores, and what can be done to each. */

import { icon, make } from "./dom.js";
import * as objects from "./objects.js";
import { classColour, classNumbers } from "./palette.js";
import { openImage } from "./store.js";

/** @param {import("./main.js").Stage} stage */
export function createList({ store, slots }) {
  const count = make("h2", { className: "caption", id: "object-count" });
  const rows = make("ul", { className: "objects", "aria-labelledby": "object-count" });
  slots.objects.append(count, rows);
  rows.addEventListener("pointerleave", () => objects.hoverObject(store, null));

  const draw = (state) => {
    const image = openImage(state);
    const groups = objects.groupsByLabel(state);
    const shown = objects.shownObjects(state).length;
    const all = groups.reduce((sum, group) => sum + group.objects.length, 0);
    count.textContent = !image ? "" : shown === all ? `${all} ${plural(all)}` : `${shown} of ${all} ${plural(all)} shown`;
    const numbers = classNumbers(image?.objects ?? []);
    // A name that is being written is not drawn away.
    if (rows.querySelector("input")) return;
    const focused = focusedControl(rows);
    rows.replaceChildren(...groups.map((group) => drawGroup(store, group, classColour(numbers.get(group.label)))));
    if (focused) rows.querySelector(focused)?.focus();
    mark(rows, state);
  };
  draw(store.state);
  return store.subscribe((state, before) => {
    const same =
      state.images === before.images &&
      state.openKey === before.openKey &&
      state.confidence === before.confidence &&
      state.solo === before.solo;
    if (!same) draw(state);
    else if (state.selectedId !== before.selectedId || state.hoveredId !== before.hoveredId) mark(rows, state);
    if (state.selectedId !== before.selectedId) {
      rows.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
    }
  });
}

/** Return the word for so many objects. */
export function plural(count) {
  return count === 1 ? "object" : "objects";
}

/** Return a selector of the control in these rows that has the focus, or null. */
function focusedControl(rows) {
  const { activeElement } = rows.getRootNode();
  const row = activeElement?.closest?.("[data-row]");
  if (!row || !rows.contains(row)) return null;
  return `[data-row="${CSS.escape(row.dataset.row)}"] .${activeElement.classList[0]}`;
}

/** Mark the rows that are selected or lit up; nothing is drawn anew. */
function mark(rows, state) {
  for (const row of rows.querySelectorAll("[data-id]")) {
    const id = Number(row.dataset.id);
    row.setAttribute("aria-current", String(id === state.selectedId));
    row.classList.toggle("hovered", id === state.hoveredId);
  }
}

function drawGroup(store, { label, objects: members }, colour) {
  const allHidden = members.every((object) => object.hidden);
  const name = make("button", {
    type: "button", className: "name", title: "Show only this class (double click renames)",
    click: () => objects.toggleSolo(store, { label }),
    dblclick: (event) => write(event.currentTarget, label, (text) => objects.renameLabel(store, label, text)),
  }, label);
  return make(
    "li",
    { className: "group" },
    make(
      "div",
      { className: "class-row", dataset: { row: `class ${label}` } },
      make("span", { className: "swatch", style: { background: colour } }),
      name,
      make("span", { className: "count" }, String(members.length)),
      eye(allHidden, `all ${label}`, () => objects.toggleLabelHidden(store, label)),
    ),
    make("ul", {}, ...members.map((object, index) => drawRow(store, object, index, members.length))),
  );
}

function drawRow(store, object, index, count) {
  const title = count === 1 ? object.label : `${object.label} ${index + 1}`;
  const rename = (button) => write(button, object.label, (text) => objects.renameObject(store, object.id, text));
  const name = make("button", {
    type: "button", className: "name",
    click: () => objects.selectObject(store, object.id === store.state.selectedId ? null : object.id),
    dblclick: (event) => rename(event.currentTarget),
    focus: () => objects.hoverObject(store, object.id),
  }, title);
  const act = (iconName, word, click) =>
    make("button", { type: "button", className: "act", title: word, "aria-label": `${word} ${title}`, click }, icon(iconName));
  return make(
    "li",
    {
      className: object.hidden ? "row off" : "row",
      dataset: { id: String(object.id), row: String(object.id) },
      pointerenter: () => objects.hoverObject(store, object.id),
    },
    name,
    make(
      "span",
      { className: "acts" },
      act("rename", "Rename", () => rename(name)),
      act("solo", "Only", () => objects.toggleSolo(store, { id: object.id })),
      act("trash", "Delete", () => objects.deleteObject(store, object.id)),
    ),
    make("span", { className: "bar", "aria-hidden": "true" }, make("i", { style: { width: `${100 * object.score}%` } })),
    make("span", { className: "score" }, object.score.toFixed(2)),
    eye(object.hidden, title, () => objects.toggleHidden(store, object.id)),
  );
}

function eye(isHidden, title, click) {
  return make("button", {
    type: "button", className: "eye", "aria-pressed": String(isHidden),
    title: isHidden ? "Show" : "Hide", "aria-label": `Hide ${title}`, click,
  }, icon(isHidden ? "closed" : "eye"));
}

/** Put a box in place of a name; Enter and leaving it take the text, Escape does not. */
function write(button, text, take) {
  const row = button.parentElement;
  const box = make("input", { className: "rename", value: text, "aria-label": `New name of ${text}`, maxLength: 200 });
  let isOver = false;
  const end = (isTaken) => {
    if (isOver) return;
    isOver = true;
    const value = box.value;
    box.replaceWith(button);
    if (isTaken) take(value);
  };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  box.addEventListener("blur", () => end(true));
  row.replaceChild(box, button);
  box.focus();
  box.select();
}
