/** Elements made in one call. */

/**
 * Make an element: properties that are functions listen to events, `dataset` and `style` are merged,
 * names with a dash or that no property has become attributes.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} properties
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "dataset" || name === "style") Object.assign(element[name], value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The icons, drawn on a grid of 24. */
const ICONS = {
  select: "M6 3l13 8-6 1.4L10 19z",
  new: "M12 5v14M5 12h14",
  add: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v8M8 12h8",
  remove: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12h8",
  box: "M4 6h16v12H4z",
  brush: "M20 4l-9 9M11 13c-2-1-4 0-4.500 2S5 19 3.500 19.500c3 1.500 7.500.500 8.500-2.500.500-1.500 0-3-1-4z",
  eraser: "M9 19h11M4.500 14.500l9-9 6 6L12 19H8.500z",
  polygon: "M5 9l7-5 8 6-3 9H7z",
  undo: "M9 14l-5-5 5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  compare: "M4 5h16v14H4zM12 3v18",
  boxes: "M4 4h10v10H4zM10 10h10v10H10z",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  eye: "M2.500 12s3.500-6.500 9.500-6.500 9.500 6.500 9.500 6.500-3.500 6.500-9.500 6.500S2.500 12 2.500 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  closed: "M3 10c2 3.500 5 5.500 9 5.500s7-2 9-5.500M12 15.500V19M6 14l-2 3M18 14l2 3",
  keys: "M3 7h18v10H3zM6 10h.01M10 10h.01M14 10h.01M18 10h.01M8 14h8",
  list: "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
  solo: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  rename: "M4 20l1-4L16 5l3 3L8 19z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

/** Make an icon of the set above; it is hidden from screen readers. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
