/** Choices by place, size, colour and relation in words: "leave out: leftmost person". */

const ORDINALS = { 1: "", 2: "second ", 3: "third " };
const WHERE = {
  leftmost: "leftmost", rightmost: "rightmost", topmost: "topmost", bottommost: "bottommost",
  largest: "largest", smallest: "smallest", front: "front-most", back: "rear-most",
  center: "most central",
};
const RELATIONS = {
  in_front_of: "in front of", next_to: "next to", nearest_to: "nearest to", left_of: "left of",
  right_of: "right of",
};

/**
 * Return a filter of the API in words.
 *
 * @param {Record<string, any>} filter
 */
export function filterInWords(filter) {
  if (filter.kind !== "exclude") return chosen(filter, filter.phrase);
  return `leave out: ${filter.filters.map((inner) => chosen(inner, filter.phrase)).join(", ")}`;
}

/** Return what a filter keeps, as "second leftmost cat". @param {Record<string, any>} filter */
function chosen(filter, phrase) {
  const thing = filter.phrase || phrase || "object";
  const not = filter.negated ? "not " : "";
  if (filter.kind === "side") {
    return filter.side === "center" ? `${thing} in the centre` : `${thing} at the ${filter.side}`;
  }
  if (filter.kind === "colour") return `${thing} that is ${not}${filter.colour}`;
  if (filter.kind === "relation") {
    const how = `${not}${RELATIONS[filter.relation] ?? filter.relation}`;
    return `${filter.subject || thing} ${how === "not with" ? "without" : how} ${filter.other}`;
  }
  const rank = filter.rank ?? 1;
  const count = filter.count ?? 1;
  const nth = ORDINALS[rank] ?? `${rank}th `;
  const many = count > 1 ? `${count} ` : "";
  return `${nth}${many}${WHERE[filter.kind] ?? filter.kind} ${thing}`;
}

/** Return a number with its noun: "1 object", "3 objects". */
export function counted(count, noun, many = `${noun}s`) {
  return `${count} ${count === 1 ? noun : many}`;
}

/** Return names as a list in a sentence: "a, b and c". @param {string[]} names */
export function listed(names) {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
