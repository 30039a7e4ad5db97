/** The request on the page as curl, Python and the command line. */

/** Default values of POST /segment, which need no writing. */
const DEFAULTS = { simplify: "auto", tile: "auto", box_threshold: 0.35, text_threshold: 0.25 };
const FLAGS = {
  box_threshold: "--box-threshold", text_threshold: "--text-threshold", simplify: "--simplify",
  negative_prompt: "--negative", max_objects: "--max-objects",
};
const ENGINE_FLAGS = { simplify: "--simplifier", detect: "--detector", segment: "--segmenter", ground: "--grounder" };
const METHODS = { "/segment": "segment_image", "/masks": "segment_everything" };

/**
 * Return the fields that give what is shown: finds below the confidence are not asked for.
 *
 * @param {import("./runner.js").Sent} sent
 * @param {number} confidence
 */
export function shownFields({ path, fields }, confidence) {
  if (path !== "/segment") return fields;
  const box = Math.max(fields.box_threshold, confidence);
  const text = fields.text_threshold < 0.25 ? Math.min(0.25, box) : fields.text_threshold;
  const all = { ...fields, box_threshold: box, text_threshold: text };
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => DEFAULTS[name] !== value));
}

/** Return the request as a call of curl. */
export function asCurl({ path, fields }, name, address) {
  const rows = Object.entries({ ...fields, visualization: false }).map(([field, value]) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    // "@" and "<" at the beginning would name a file.
    return `--form-string ${quoted(`${field}=${text}`)}`;
  });
  return [`curl -sf ${quoted(address + path)}`, `-F ${quoted(`image=@"${name.replaceAll(/["\\]/g, "\\$&")}"`)}`, ...rows].join(" \\\n  ");
}

/** Return the request as Python with the client. */
export function asPython({ path, fields }, name, address) {
  const { text_prompt: prompt, ...rest } = fields;
  const given = [literal(name), ...(prompt === undefined ? [] : [literal(prompt)])];
  const options = Object.entries(rest).map(([field, value]) => `${field}=${literal(value)}`);
  return [
    "from edgeseg.client import EdgeSegClient",
    "",
    `with EdgeSegClient(${literal(address)}) as client:`,
    `    found = client.${METHODS[path]}(${[...given, ...options].join(", ")})`,
    "for each in found.objects:",
    "    print(each.label, each.score, each.box)",
  ].join("\n");
}

/** Return the request as a command, or null where the command line has no words for it. */
export function asCommand({ path, fields }, name) {
  const { text_prompt: prompt, filters, tile, engines = {}, ...rest } = fields;
  if (path !== "/segment" || filters?.length) return null;
  const options = Object.entries(rest).filter(([field]) => FLAGS[field]).map(([field, value]) => `${FLAGS[field]} ${quoted(String(value))}`);
  if (tile && tile !== "auto") options.push(tile === "always" ? "--tile" : "--no-tile");
  for (const [role, engine] of Object.entries(engines)) options.push(`${ENGINE_FLAGS[role]} ${quoted(engine)}`);
  return ["edgeseg segment", quoted(name), quoted(prompt), ...options, "--json -"].join(" ");
}

/** Return text as one word of a POSIX shell. */
export function quoted(text) {
  return /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Return a value as a literal of Python. */
export function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${literal(name)}: ${literal(each)}`).join(", ")}}`;
  }
  // JSON's strings are Python's, but for signs beyond the first plane, which are written as they are.
  return JSON.stringify(value);
}
