import assert from "node:assert/strict";
import { test } from "node:test";

import * as query from "../query.js";
import { counted, filterInWords, listed } from "../words.js";

const SMALL = { width: 600, height: 400 };
const LARGE = { width: 4000, height: 3000 };
const LEFTMOST = { kind: "leftmost", phrase: "cat" };

function simplified(phrases, filters = [], more = {}) {
  return { phrases, filters, reason: "Because.", warnings: [], engine: { name: "nano" }, ...more };
}

test("filters are said in words", () => {
  const relation = { kind: "relation", phrase: "cup", relation: "next_to", other: "plate" };
  const rows = [
    [LEFTMOST, "leftmost cat"],
    [{ kind: "leftmost", phrase: "dog", rank: 2 }, "second leftmost dog"],
    [{ kind: "leftmost", phrase: "dog", rank: 4 }, "4th leftmost dog"],
    [{ kind: "largest", phrase: "dog", count: 2 }, "2 largest dog"],
    [{ kind: "side", phrase: "cup", side: "left" }, "cup at the left"],
    [{ kind: "side", phrase: "cup", side: "center" }, "cup in the centre"],
    [{ kind: "smallest" }, "smallest object"],
    [{ kind: "colour", phrase: "blue cup", colour: "blue" }, "blue cup that is blue"],
    [{ ...relation, negated: true }, "cup not next to plate"],
    [{ ...relation, relation: "with", negated: true, subject: "man" }, "man without plate"],
    [{ kind: "exclude", phrase: "man", filters: [{ kind: "leftmost" }] }, "leave out: leftmost man"],
  ];
  for (const [filter, words] of rows) assert.equal(filterInWords(filter), words);
  assert.deepEqual([counted(1, "find"), counted(2, "find")], ["1 find", "2 finds"]);
  assert.deepEqual([listed(["a"]), listed(["a", "b", "c"])], ["a", "a, b and c"]);
});

test("a new line separates phrases as a dot does", () => {
  assert.deepEqual(query.phrasesOf("cat . 1.5 l bottle\n\nred dog.\n"), ["cat", "1.5 l bottle", "red dog"]);
  assert.equal(query.inOneLine("cat\n dog .\n"), "cat . dog .");
  assert.equal(query.inOneLine(" the cat "), "the cat");
});

test("words that nobody changed are sent as they are, and weaker finds are asked for", () => {
  const asked = query.withWords(query.NO_QUERY, "my cat", simplified(["cat"]));
  assert.deepEqual(query.fieldsOf(asked, {}, 0.35, SMALL), {
    text_prompt: "my cat", simplify: "auto", box_threshold: 0.1, text_threshold: 0.1, tile: "auto",
  });
  assert.equal(query.fieldsOf(asked, {}, 0.05, SMALL).box_threshold, 0.05);
});

test("neither choices nor tiles take weaker finds into account", () => {
  const chosen = query.withWords(query.NO_QUERY, "the leftmost cat", simplified(["cat"], [LEFTMOST]));
  assert.equal(query.fieldsOf(chosen, {}, 0.4, SMALL).box_threshold, 0.4);
  assert.equal(query.fieldsOf(chosen, {}, 0.4, SMALL).text_threshold, 0.25);
  const plain = query.withWords(query.NO_QUERY, "cat", simplified(["cat"]));
  assert.equal(query.fieldsOf(plain, {}, 0.4, LARGE).box_threshold, 0.4);
  assert.equal(query.fieldsOf(plain, { tile: "never" }, 0.4, LARGE).box_threshold, 0.1);
});

test("chips that were changed are sent in place of the words", () => {
  const asked = query.withWords(query.NO_QUERY, "cats, the leftmost", simplified(["cat", "dog"], [LEFTMOST]));
  const renamed = query.withText(asked, 0, "kitten");
  const fields = query.fieldsOf(renamed, {}, 0.35, SMALL);
  assert.equal(fields.text_prompt, "kitten . dog .");
  assert.equal(fields.simplify, "never");
  assert.deepEqual(fields.filters, [{ kind: "leftmost", phrase: "kitten" }]);
  assert.equal(renamed.asked, "cats, the leftmost");
  assert.equal(renamed.reason, "Because.");
  assert.deepEqual(query.withoutChip(renamed, 0).chips.map(query.inWords), ["dog"]);
  const other = query.withChoices(asked, 2, [{ kind: "largest", phrase: "dog" }]);
  assert.deepEqual(other.chips.map(query.inWords), ["cat", "dog", "largest dog"]);
});

test("a language model is not asked twice", () => {
  const slow = simplified(["cat"], [], { engine: { name: "qwen" } });
  const asked = query.withWords(query.NO_QUERY, "something furry", slow);
  assert.equal(query.fieldsOf(asked, {}, 0.35, SMALL).text_prompt, "cat .");
  assert.equal(query.withWords(query.NO_QUERY, "a . b", null).isRaw, false);
});

test("words are added to the chips that are there, each thing once", () => {
  const first = query.withWords(query.NO_QUERY, "cat .", simplified(["cat"]));
  const both = query.withWords(first, "cat, big dog", simplified(["cat", "dog"], [LEFTMOST]));
  assert.deepEqual(both.chips.map(query.inWords), ["cat", "dog", "leftmost cat"]);
  assert.equal(both.asked, "cat . cat, big dog");
  assert.equal(both.isRaw, false);
});

test("exclusions become the negative prompt and do not change the words", () => {
  const asked = query.withWords(query.NO_QUERY, "cat", simplified(["cat"]));
  const without = query.withExclusion(query.withExclusion(asked, "toy"), "statue");
  const fields = query.fieldsOf(without, { engines: {} }, 0.35, SMALL);
  assert.equal(fields.negative_prompt, "toy . statue .");
  assert.equal(fields.text_prompt, "cat");
  assert.equal(query.inWords(without.chips[1]), "without: toy");
  assert.equal("engines" in fields, false);
});

test("a task that was sent before gives its chips back", () => {
  const result = {
    prompt: "the leftmost cat", simplify_reason: "Place.", phrases: ["cat"], filters: [LEFTMOST],
    warnings: [],
  };
  const back = query.queryOf(result);
  assert.deepEqual(back.chips.map(query.inWords), ["cat", "leftmost cat"]);
  assert.deepEqual([back.asked, back.reason], ["the leftmost cat", "Place."]);
});
