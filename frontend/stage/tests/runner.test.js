import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "../api.js";
import { bringBack, createRunner, limiter, noteAnswer, noteSilence } from "../runner.js";
import { doubleApi, resultOf, storeWith } from "./double.js";

const SENT = { path: "/segment", fields: { box_threshold: 0.1 }, query: { asked: "the cat", chips: [] } };
const states = (store) => store.state.images.map((image) => image.state);

test("images run to their results, and what is said counts what is shown", async () => {
  const store = storeWith("a", "b");
  const api = doubleApi({ b: (id) => ({ status: "done", result: resultOf(id) }) });
  const runner = createRunner(store, api);
  await runner.run(["a", "b"], () => SENT);
  assert.deepEqual(states(store), ["done", "empty"]);
  assert.equal(store.state.announced, "2 images done");
  await runner.run(["a"], () => SENT);
  assert.equal(store.state.announced, "1 object found");
});

test("those that failed, and only those, are sent again as they were", async () => {
  let isBroken = true;
  const error = { code: "stage_failed", detail: "It broke.", status: 500 };
  const store = storeWith("a", "b", "c");
  const api = doubleApi({ b: (id) => (isBroken ? { status: "failed", error } : { status: "done", result: resultOf(id) }) });
  const runner = createRunner(store, api);
  await runner.run(["a", "b", "c"], () => SENT);
  assert.deepEqual(states(store), ["done", "failed", "done"]);
  assert.deepEqual([store.state.images[1].error, store.state.images[1].code], ["It broke.", "stage_failed"]);
  assert.equal(store.state.announced, "2 images done, 1 failed");
  isBroken = false;
  api.asked.length = 0;
  await runner.retry();
  assert.deepEqual(api.asked.map(({ name, fields }) => [name, fields]), [["b", SENT.fields]]);
  assert.deepEqual(states(store), ["done", "empty", "done"]);
});

test("an image is stopped on its way, and the API is told", async () => {
  const store = storeWith("a");
  const api = doubleApi();
  let isFollowed;
  const followed = new Promise((resolve) => (isFollowed = resolve));
  api.follow = (taskId, onEvent, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    isFollowed();
  });
  const runner = createRunner(store, api);
  const running = runner.run(["a"], () => SENT);
  await followed;
  runner.cancelAll();
  await running;
  assert.deepEqual(states(store), ["new"]);
  assert.deepEqual(api.asked.at(-1), { path: "cancel", name: "a-1" });
});

test("new words take the place of those that are on their way", async () => {
  const store = storeWith("a");
  const api = doubleApi();
  const { follow } = api;
  api.follow = (taskId, onEvent, waiting) => taskId === "a-2" ? follow(taskId, onEvent, waiting) : new Promise((_, reject) => {
    waiting.signal.addEventListener("abort", () => reject(waiting.signal.reason));
  });
  const runner = createRunner(store, api);
  const first = runner.run(["a"], () => SENT);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([first, runner.run(["a"], () => ({ ...SENT, fields: { max_objects: 1 } }))]);
  assert.deepEqual(states(store), ["done"]);
  assert.deepEqual(store.state.images[0].sent.fields, { max_objects: 1 });
});

test("earlier results come back with their words, and the later one stays", async () => {
  const store = storeWith("a");
  const runner = createRunner(store, doubleApi());
  await runner.run(["a"], () => SENT);
  await runner.run(["a"], () => ({ ...SENT, query: { asked: "dog", chips: [] } }));
  const [image] = store.state.images;
  assert.equal(image.past.length, 1);
  bringBack(store, "a", 0);
  assert.equal(store.state.query.asked, "the cat");
  assert.equal(store.state.images[0].taskId, "a-1");
  assert.equal(store.state.images[0].past[0].taskId, "a-2");
});

test("an API is silent since it first was, until it answers", () => {
  const store = storeWith("a");
  noteSilence(store, new Problem({ code: "queue_full" }), 5);
  assert.equal(store.state.silentSince, null);
  noteSilence(store, new Problem({ code: "timeout" }), 7);
  noteSilence(store, new Problem({ code: "unavailable" }), 9);
  assert.equal(store.state.silentSince, 7);
  noteAnswer(store);
  assert.equal(store.state.silentSince, null);
});

test("so many at a time, in their order, and a failure frees its place", async () => {
  const limited = limiter(2);
  const order = [];
  let now = 0;
  let most = 0;
  const task = (name) => limited(async () => {
    most = Math.max(most, (now += 1));
    order.push(name);
    await new Promise((resolve) => setTimeout(resolve, 2));
    now -= 1;
    if (name === 1) throw new Error("no");
  });
  const ended = await Promise.allSettled([0, 1, 2, 3, 4].map(task));
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.equal(most, 2);
  assert.deepEqual(ended.map(({ status }) => status === "rejected"), [false, true, false, false, false]);
});
