import assert from "node:assert/strict";
import { test } from "node:test";

import { isStale, noticeOf, unknownWords } from "../notices.js";
import { NO_QUERY, fieldsOf, withExclusion, withWords } from "../query.js";
import { lineOf, pauseMsOf } from "../status.js";
import { fromApi, patchImage, takeResult } from "../store.js";
import { resultOf, storeWith } from "./double.js";

const QUERY = withWords(NO_QUERY, "the cat", { phrases: ["cat"], filters: [], reason: "", warnings: [] });

/** Return a store with one image that has a result. */
function found(scores, { query = QUERY, more = {} } = {}) {
  const store = storeWith("a.png");
  store.set({ query });
  takeResult(store, "a.png", resultOf("t", scores, more));
  const fields = fieldsOf(query, {}, 0.35, { width: 4, height: 2 });
  patchImage(store, "a.png", { sent: { path: "/segment", fields, query, textThreshold: null } });
  return store;
}
const said = (store) => noticeOf(store.state);

test("nothing is said where something was found", () => {
  assert.equal(said(found([0.8])), null);
});

test("weaker finds are counted, with buttons that show them", () => {
  const notice = said(found([0.305, 0.2]));
  assert.match(notice.text, /0\.35, but 2 weaker finds up to 0\.3[01]/);
  assert.deepEqual(notice.actions.map(({ name, value }) => [name, value]), [["showWeaker", undefined], ["confidence", 0.3]]);
});

test("nothing at all names what was asked, whole", () => {
  assert.match(said(found([])).text, /Nothing was found for “the cat”/);
});

test("what a choice left out is counted and can be kept", () => {
  const filters = [{ kind: "exclude", phrase: "cat", filters: [{ kind: "leftmost" }] }];
  const query = withWords(NO_QUERY, "all but the leftmost", { phrases: ["cat"], filters, reason: "", warnings: [] });
  const store = found([], { query });
  patchImage(store, "a.png", { leftOut: resultOf("u", [0.9]).objects.map(fromApi) });
  const notice = said(store);
  assert.equal(notice.text, "1 object was found for “cat” and left out by the choice “leftmost cat”.");
  assert.deepEqual(notice.actions, [{ label: "Keep it", name: "keepLeftOut" }]);
});

test("unknown words come with those near to them", () => {
  const warnings = ["“kat” is not a known word. The nearest known words are cat, mat.", "“zzz” is not a known word."];
  assert.deepEqual(unknownWords(warnings), [{ word: "kat", near: ["cat", "mat"] }, { word: "zzz", near: [] }]);
  const notice = said(found([0.8], { more: { warnings } }));
  assert.deepEqual(notice.actions[0], { label: "cat", name: "replaceWord", value: ["kat", "cat"] });
});

test("words and settings that are newer than the result are named", () => {
  const store = found([0.8]);
  store.set({ confidence: 0.2 });
  assert.equal(said(store), null);
  store.set({ confidence: 0.05 });
  assert.match(said(store).text, /from 0\.10 on/);
  store.set({ confidence: 0.35, query: withExclusion(QUERY, "toy") });
  assert.deepEqual(said(store).actions, [{ label: "Find again", name: "find" }]);
  store.set({ query: QUERY, settings: { max_objects: 3 } });
  assert.equal(isStale(store.state.images[0], store.state), true);
  store.set({ settings: { text_threshold: 0.5 } });
  assert.equal(isStale(store.state.images[0], store.state), true);
});

test("a choice depends on the confidence that it was made with", () => {
  const query = withWords(NO_QUERY, "leftmost", { phrases: ["cat"], filters: [{ kind: "leftmost" }], reason: "", warnings: [] });
  const store = found([0.8], { query });
  assert.equal(said(store), null);
  store.set({ confidence: 0.5 });
  assert.equal(said(store).actions[0].name, "find");
});

test("a batch that failed in part is one notice with one button", () => {
  const store = storeWith("a", "b", "c");
  for (const key of ["a", "b"]) patchImage(store, key, { state: "failed", error: "Redis is full." });
  const notice = said(store);
  assert.equal(notice.text, "2 images failed: Redis is full.");
  assert.deepEqual(notice.actions, [{ label: "Retry the 2", name: "retry" }]);
});

test("an API that is silent is said with the time, before anything else", () => {
  const store = found([]);
  store.set({ silentSince: new Date(2026, 1, 3, 14, 2, 10).getTime() });
  assert.match(said(store).text, /has not answered since \d/);
  assert.equal(said(store).actions[0].name, "check");
  assert.equal(lineOf(store.state), "API: no answer");
});

test("what the API itself misses is said in its words", () => {
  const store = found([0.8]);
  store.set({ trouble: "Redis does not answer." });
  assert.equal(said(store).text, "Redis does not answer.");
  store.set({ trouble: null });
  assert.equal(said(store), null);
});

test("a queue without workers is named by what it does", () => {
  const store = found([0.8]);
  const row = { waiting: 0, running: 1, workers: [{ name: "w" }] };
  store.set({ queues: { simplifier_queue: row, grounding_dino_queue: row, sam2_queue: { ...row, workers: [] } } });
  assert.match(said(store).text, /No worker is there that draws masks/);
  store.set({ queues: { sam2_queue: row } });
  assert.equal(said(store), null);
  assert.equal(lineOf(store.state), "1 worker · 1 at work, 0 waiting");
});

test("progress counts the images and can be stopped", () => {
  const store = storeWith("a", "b");
  for (const key of ["a", "b"]) patchImage(store, key, { sentNow: {}, state: "queued" });
  patchImage(store, "a", { state: "running", stage: "detect" });
  assert.equal(said(store).text, "Looking for it · 0 of 2 images done");
  patchImage(store, "a", { state: "done" });
  assert.equal(said(store).text, "Waiting for a worker · 1 of 2 images done");
  assert.deepEqual(said(store).actions, [{ label: "Stop", name: "stop" }]);
});

test("the queues are asked for rarely at rest, and often while the API is silent", () => {
  const store = found([0.8]);
  const rest = pauseMsOf(store.state);
  patchImage(store, "a.png", { state: "running" });
  const work = pauseMsOf(store.state);
  store.set({ silentSince: 1 });
  assert.ok(rest > work && work > pauseMsOf(store.state));
});
