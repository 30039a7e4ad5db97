/** The objects beside the picture: grouped by class, with counts, scores, and what can be done to each. */

import { icon, make } from "./dom.js";
import * as objects from "./objects.js";
import { classColour, classNumbers } from "./palette.js";
import { openImage } from "./store.js";

/** @param {import("./main.js").Stage} stage */
export function createList(stage) {
  const { store, slots } = stage;
  const count = make("h2", { className: "caption", id: "object-count" });
  const rows = make("ul", { className: "objects", "aria-labelledby": "object-count" });
  slots.objects.append(count, rows);
  rows.addEventListener("pointerleave", () => objects.hoverObject(store, null));

  /** Rows of objects that are as they were are kept: hiding one of hundreds draws one row. */
  const kept = new WeakMap();
  const rowOf = (object, title) => {
    let row = kept.get(object);
    if (row?.title !== title) kept.set(object, (row = { title, element: drawRow(store, object, title) }));
    return row.element;
  };

  const groupsKept = new Map();
  const groupOf = ({ label, objects: members }, colour) => {
    let group = groupsKept.get(label);
    if (!group) groupsKept.set(label, (group = { element: make("li", { className: "group" }), list: make("ul", {}) }));
    group.element.firstChild?.remove();
    group.element.prepend(drawClass(store, label, members, colour));
    if (!group.list.parentElement) group.element.append(group.list);
    reconcile(group.list, members.map((object, index) => rowOf(object, members.length === 1 ? label : `${label} ${index + 1}`)));
    return group.element;
  };

  const draw = (state) => {
    const image = openImage(state);
    const groups = objects.groupsByLabel(state);
    const shown = objects.shownObjects(state).length;
    const all = groups.reduce((sum, group) => sum + group.objects.length, 0);
    count.textContent = !image ? "" : !all ? "No objects yet" : shown === all ? `${all} ${plural(all)}` : `${shown} of ${all} ${plural(all)} shown`;
    count.hidden = !image;
    const numbers = classNumbers(image?.objects ?? []);
    // A name that is being written is not drawn away.
    if (rows.querySelector("input")) return;
    const focused = focusedControl(rows);
    reconcile(rows, groups.map((group) => groupOf(group, classColour(numbers.get(group.label)))));
    if (focused) rows.querySelector(focused)?.focus();
    mark(rows, state);
  };
  stage.rename = () => {
    const { selectedId } = store.state;
    const name = rows.querySelector(`[data-id="${selectedId}"] .name`);
    const object = objects.objectById(store.state, selectedId);
    if (name && object) write(name, object.label, (text) => objects.renameObject(store, selectedId, text));
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

/** Give an element these children; those that are there already stay where they are. */
function reconcile(parent, children) {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastChild.remove();
}

/** Mark the rows that are selected or lit up; nothing is drawn anew. */
function mark(rows, state) {
  for (const row of rows.querySelectorAll("[data-id]")) {
    const id = Number(row.dataset.id);
    row.setAttribute("aria-current", String(id === state.selectedId));
    row.classList.toggle("hovered", id === state.hoveredId);
  }
}

function drawClass(store, label, members, colour) {
  const allHidden = members.every((object) => object.hidden);
  const name = make("button", {
    type: "button", className: "name", title: "Show only this class (double click renames)",
    click: () => objects.toggleSolo(store, { label }),
    dblclick: (event) => write(event.currentTarget, label, (text) => objects.renameLabel(store, label, text)),
  }, label);
  return make(
    "div",
    { className: "class-row", dataset: { row: `class ${label}` } },
    make("span", { className: "swatch", style: { background: colour } }),
    name,
    make("span", { className: "count" }, String(members.length)),
    eye(allHidden, `all ${label}`, () => objects.toggleLabelHidden(store, label)),
  );
}

function drawRow(store, object, title) {
  const rename = (button) => write(button, object.label, (text) => objects.renameObject(store, object.id, text));
  const name = make("button", {
    type: "button", className: "name",
    click: () => objects.selectObject(store, object.id === store.state.selectedId ? null : object.id),
    dblclick: (event) => rename(event.currentTarget),
    title,
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
