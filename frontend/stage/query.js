/**
 * What is asked for: chips of things, choices and exclusions, and the request that they make.
 *
 * @typedef {{kind: "thing", text: string}
 *   | {kind: "choice", filter: Record<string, any>}
 *   | {kind: "without", text: string}} Chip
 *
 * @typedef {object} Query
 * @property {Chip[]} chips
 * @property {string} asked the words as they were written, whole
 * @property {string} reason why the words became these chips
 * @property {string[]} warnings
 * @property {boolean} isRaw the words may be sent as they are: nothing was changed in the chips
 */

import { filterInWords } from "./words.js";

/** Confidence of the weakest finds that are asked for, so that the slider has what to show. */
export const LOWEST = 0.1;
/** From so many pixels on a side, tiles are looked at where the whole image shows nothing. */
const TILED_PX = 1600;
/** Simplifiers that cost next to nothing: words may pass through them twice. */
const RULES = ["nano", "rules"];

/** @type {Query} */
export const NO_QUERY = Object.freeze({
  chips: [], asked: "", reason: "", warnings: [], isRaw: false,
});

/** Return the phrases of a text: separated by dots with a blank or at the end, and by new lines. */
export function phrasesOf(text) {
  return text.split(/\s*(?:\n|\.(?=\s|$))\s*/).map((each) => each.trim()).filter(Boolean);
}

/** Return a text in one line: a new line separates phrases as a dot does. */
export function inOneLine(text) {
  const lines = text.split("\n").map((line) => line.trim().replace(/\s*\.$/, "")).filter(Boolean);
  return lines.length > 1 ? `${lines.join(" . ")} .` : text.trim();
}

/**
 * Add words that were written, with what the simplifier made of them.
 *
 * @param {Query} query
 * @param {string} asked
 * @param {{phrases: string[], filters: object[], reason: string, warnings: string[], engine?: any} | null}
 *   simplification null: the words are taken as they are
 * @returns {Query}
 */
export function withWords(query, asked, simplification) {
  const phrases = simplification ? simplification.phrases : phrasesOf(asked);
  const filters = simplification ? simplification.filters : [];
  const known = new Set(query.chips.flatMap((chip) => (chip.kind === "thing" ? [chip.text] : [])));
  const cheap = !simplification?.engine || RULES.includes(simplification.engine.name);
  const chips = [
    ...query.chips,
    ...phrases.filter((text) => !known.has(text)).map((text) => thing(text)),
    ...filters.map((filter) => choice(filter)),
  ];
  const isFirst = !query.chips.some((chip) => chip.kind !== "without");
  return {
    chips: inOrder(chips),
    asked: isFirst ? asked : `${query.asked.replace(/[\s.]+$/, "")} . ${asked}`,
    reason: [isFirst ? "" : query.reason, simplification?.reason ?? ""].filter(Boolean).join(" "),
    warnings: [...(isFirst ? [] : query.warnings), ...(simplification?.warnings ?? [])],
    isRaw: isFirst && cheap && simplification !== null,
  };
}

/** Return a query of a task that was sent before. @returns {Query} */
export function queryOf(result) {
  const { prompt: asked, simplify_reason: reason, phrases, filters, warnings } = result;
  return withWords(NO_QUERY, asked, { phrases, filters, reason, warnings });
}

/** Take a chip out; choices among a thing go with it. @param {Query} query @returns {Query} */
export function withoutChip(query, index) {
  const gone = query.chips[index];
  const chips = query.chips.filter(
    (chip, at) => at !== index && !(gone.kind === "thing" && isAbout(chip, gone.text)),
  );
  return changed(query, chips);
}

/** Give a thing or an exclusion other words; choices among it follow. @returns {Query} */
export function withText(query, index, text) {
  const old = query.chips[index];
  if (old.kind === "choice" || !text.trim() || text === old.text) return query;
  const chips = query.chips.map((chip, at) => {
    if (at === index) return { ...chip, text: text.trim() };
    return old.kind === "thing" && isAbout(chip, old.text)
      ? { ...chip, filter: { ...chip.filter, phrase: text.trim() } }
      : chip;
  });
  return changed(query, chips);
}

/** Put other choices in place of one. @param {object[]} filters @returns {Query} */
export function withChoices(query, index, filters) {
  return changed(query, query.chips.toSpliced(index, 1, ...filters.map((filter) => choice(filter))));
}

/** Add a thing that is to be left out wherever it is. @returns {Query} */
export function withExclusion(query, text) {
  const chips = [...query.chips, { kind: "without", text }];
  return { ...query, chips: inOrder(chips) };
}

/** Return a chip in words. @param {Chip} chip */
export function inWords(chip) {
  if (chip.kind === "choice") return filterInWords(chip.filter);
  return chip.kind === "without" ? `without: ${chip.text}` : chip.text;
}

/** Return the things that are looked for. @param {Query} query */
export function thingsOf(query) {
  return query.chips.filter((chip) => chip.kind === "thing").map((chip) => chip.text);
}

/** Return the choices as filters of the API. @param {Query} query */
export function filtersOf(query) {
  return query.chips.filter((chip) => chip.kind === "choice").map((chip) => chip.filter);
}

/**
 * Return the fields of POST /segment.
 *
 * Weaker finds are asked for too where they change nothing else: a choice such as "leftmost" would
 * choose among them, and a large image would seem to show what only its tiles do.
 *
 * @param {Query} query
 * @param {Record<string, any>} settings
 * @param {number} confidence
 * @param {{width: number, height: number}} image
 */
export function fieldsOf(query, settings, confidence, image) {
  const filters = filtersOf(query);
  const tile = settings.tile ?? "auto";
  const isTiled = tile === "auto" && Math.max(image.width, image.height) >= TILED_PX;
  const box = filters.length || isTiled ? confidence : Math.min(LOWEST, confidence);
  const without = query.chips.filter((chip) => chip.kind === "without").map((chip) => chip.text);
  const words = query.isRaw
    ? { text_prompt: query.asked, simplify: settings.simplify ?? "auto" }
    : { text_prompt: `${thingsOf(query).join(" . ")} .`, simplify: "never", filters };
  return defined({
    ...words,
    box_threshold: box,
    text_threshold: settings.text_threshold ?? Math.min(0.25, box),
    negative_prompt: without.length ? `${without.join(" . ")} .` : null,
    max_objects: settings.max_objects,
    tile,
    engines: Object.keys(settings.engines ?? {}).length ? settings.engines : null,
  });
}

function defined(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

function changed(query, chips) {
  return { ...query, chips, isRaw: false };
}

function isAbout(chip, text) {
  return chip.kind === "choice" && chip.filter.phrase === text;
}

function thing(text) {
  return { kind: "thing", text };
}

function choice(filter) {
  return { kind: "choice", filter };
}

/** Things first, then choices among them, then what is left out. */
function inOrder(chips) {
  const kinds = ["thing", "choice", "without"];
  return chips.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}
