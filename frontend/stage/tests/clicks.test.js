import assert from "node:assert/strict";
import { test } from "node:test";
import { createClicks } from "../clicks.js";
import { createMasks } from "../masks.js";
import * as objects from "../objects.js";
import { addImages, createStore, openImage } from "../store.js";

/** An API with one click's mask, which keeps what it is asked and forgets tasks when told to. */
function clickApi() {
  const api = {
    asked: [],
    tasks: 0,
    gone: new Set(),
    nextId: 0,
    async submit(path, file, name, fields) {
      assert.deepEqual([path, fields.points_per_side], ["/masks", 0]);
      return `t${(api.tasks += 1)}`;
    },
    async follow() {
      return { status: "done", result: {} };
    },
    async refine(taskId, fields) {
      api.asked.push({ taskId, ...fields });
      if (api.gone.has(taskId)) throw Object.assign(new Error("Gone."), { code: "unknown_task" });
      const id = fields.object_id ?? api.nextId++;
      return { id, label: fields.label ?? "x", score: 0.5, box: [1, 1, 3, 2], mask: { size: [2, 5], counts: "3221" } };
    },
  };
  return api;
}

function staged() {
  const store = createStore();
  addImages(store, [{ key: "a", name: "a.png", url: "a", file: {}, width: 5, height: 2 }]);
  const api = clickApi();
  return { store, api, clicks: createClicks(store, api, createMasks(), () => {}) };
}

const at = (x, label = 1) => ({ x, y: 1, label });

test("clicks before any prompt share one task, and come one after the other", async () => {
  const { store, api, clicks } = staged();
  const both = [clicks.send(null, [at(1)]), clicks.send(null, [at(2)])];
  assert.equal(clicks.pending.length, 2);
  await Promise.all(both);
  assert.equal(clicks.pending.length, 0);
  assert.equal(api.tasks, 1);
  assert.deepEqual(api.asked.map(({ object_id, points }) => [object_id, points[0].x]), [[null, 1], [null, 2]]);
  assert.equal(openImage(store.state).objects.length, 2);
  assert.equal(store.state.announced, "object 2 added");
});

test("a correction sends the clicks before it, and keeps name and score", async () => {
  const { store, api, clicks } = staged();
  await clicks.send(null, [at(1)]);
  objects.renameObject(store, 0, "cup");
  await clicks.send(0, [at(4, 0)]);
  const { object_id, points, box } = api.asked[1];
  assert.deepEqual([object_id, points.map(({ label }) => label), box], [0, [1, 0], null]);
  const [cup] = openImage(store.state).objects;
  assert.deepEqual([cup.label, cup.made, cup.points.length], ["cup", true, 2]);
  // The next object made by hand is called the same.
  await clicks.send(null, [at(2)]);
  assert.equal(api.asked[2].label, "cup");
});

test("the API is told where an object is whose mask it holds otherwise", async () => {
  const { store, api, clicks } = staged();
  await clicks.send(null, [at(1)]);
  const [made] = openImage(store.state).objects;
  objects.putObject(store, "a", { ...made, counts: "1321" });
  await clicks.send(0, [at(2)]);
  assert.deepEqual(api.asked[1].box, [0, 0, 5, 2]);
});

test("a task that is gone is made anew, and its objects stay", async () => {
  const { store, api, clicks } = staged();
  await clicks.send(null, [at(1)]);
  api.gone.add("t1");
  await clicks.send(0, [at(2)]);
  assert.equal(api.tasks, 2);
  const { taskId, object_id, box } = api.asked.at(-1);
  assert.deepEqual([taskId, object_id, box], ["t2", null, [1, 0, 5, 2]]);
  assert.equal(openImage(store.state).objects.length, 1);
});

test("what goes wrong is said, and nothing waits any more", async () => {
  const { store, api, clicks } = staged();
  api.refine = () => Promise.reject(new Error("No worker serves sam2_queue."));
  assert.equal(await clicks.send(null, [at(1)]), null);
  assert.equal(store.state.announced, "No worker serves sam2_queue.");
  assert.equal(clicks.pending.length, 0);
});
