/** The rail of tools on the left, and what can be switched for the picture as a whole. */

import { icon, make } from "./dom.js";
import { redo, undo } from "./objects.js";
import { openImage, setTool } from "./store.js";

/** Tools with their names and keys, in the order of the rail. */
export const TOOLS = [
  { tool: "select", name: "Select", key: "V" },
  { tool: "new", name: "New object", key: "N" },
  { tool: "add", name: "Add to the object", key: "A" },
  { tool: "remove", name: "Remove from the object", key: "X" },
  { tool: "box", name: "Box", key: "B" },
  { tool: "brush", name: "Brush", key: "P" },
  { tool: "eraser", name: "Eraser", key: "E" },
  { tool: "polygon", name: "Polygon", key: "G" },
];

/** What each tool does with the pointer, in one line. */
export const HINTS = {
  select: "Click an object to select it · drag to move the image",
  new: "Click on a thing: each click makes an object · Shift adds, Alt removes",
  add: "Click where the object is",
  remove: "Click where the object is not",
  box: "Drag a box round a thing",
  brush: "Paint over what belongs to the object · [ and ] change the size",
  eraser: "Rub out what does not belong · [ and ] change the size",
  polygon: "Click the corners, Enter closes · drag a corner to move it",
};

/**
 * Draw the rail.
 *
 * @param {import("./main.js").Stage} stage
 */
export function createToolbar(stage) {
  const { store, slots, view } = stage;
  const buttons = new Map();
  const button = (name, label, key, click) => {
    const title = key ? `${label} (${key})` : label;
    const made = make(
      "button",
      { type: "button", className: "tool", title, "aria-label": label, "aria-keyshortcuts": key, click },
      icon(name),
      make("kbd", { "aria-hidden": "true" }, key ?? ""),
    );
    buttons.set(name, made);
    return made;
  };
  const toggle = (field) => () => store.set({ [field]: !store.state[field] });
  slots.tools.append(
    make(
      "div",
      { role: "toolbar", className: "rail", "aria-label": "Tools", "aria-orientation": "vertical" },
      ...TOOLS.map(({ tool, name, key }) => button(tool, name, key, () => setTool(store, tool))),
      make("hr", {}),
      button("undo", "Undo", "Z", () => undo(store)),
      button("redo", "Redo", "Y", () => redo(store)),
      make("hr", {}),
      button("compare", "Before and after", "C", toggle("compare")),
      button("boxes", "Boxes", "O", toggle("showBoxes")),
      button("fit", "Whole image", "0", () => view.fit()),
      button("keys", "All keys", "?", () => stage.showKeys()),
    ),
  );

  const update = (state) => {
    for (const { tool } of TOOLS) buttons.get(tool).setAttribute("aria-pressed", String(state.tool === tool));
    buttons.get("compare").setAttribute("aria-pressed", String(state.compare));
    buttons.get("boxes").setAttribute("aria-pressed", String(state.showBoxes));
    const image = openImage(state);
    buttons.get("undo").disabled = !image?.undo.length;
    buttons.get("redo").disabled = !image?.redo.length;
    for (const name of ["add", "remove"]) buttons.get(name).disabled = state.selectedId === null;
  };
  update(store.state);
  return store.subscribe(update);
}
