import assert from "node:assert/strict";
import { test } from "node:test";
import * as objects from "../objects.js";
import * as stores from "../store.js";

const RESULT = {
  task_id: "t1",
  image: { width: 5, height: 2 },
  objects: [
    { id: 0, label: "cat", score: 0.9, box: [1, 1, 3, 2], mask: { size: [2, 5], counts: "3221" } },
    { id: 1, label: "dog", score: 0.5, box: [1, 1, 3, 2], mask: { size: [2, 5], counts: "3221" } },
    { id: 2, label: "cat", score: 0.2, box: [1, 1, 3, 2], mask: { size: [2, 5], counts: "3221" } },
    { id: 3, label: "cat", score: 0.95, box: [1, 1, 3, 2], mask: { size: [2, 5], counts: "3221" } },
  ],
};

function storeWithResult() {
  const store = stores.createStore();
  stores.addImages(store, [{ key: "a", name: "a.png", url: "a" }, { key: "b", name: "b.png", url: "b" }]);
  stores.takeResult(store, "a", RESULT);
  return store;
}

const ids = (list) => list.map((object) => object.id);

test("subscribers hear of changes, with the state before", () => {
  const store = stores.createStore();
  const heard = [];
  const end = store.subscribe((state, before) => heard.push([before.opacity, state.opacity]));
  stores.setOpacity(store, 0.7);
  stores.setOpacity(store, 0.7);
  end();
  stores.setOpacity(store, 0.1);
  assert.deepEqual(heard, [[0.45, 0.7]]);
});

test("the first image opens, and the neighbour of one that is taken out", () => {
  const store = storeWithResult();
  assert.equal(store.state.openKey, "a");
  assert.ok(stores.openImage(store.state).seen);
  stores.openNeighbour(store, 1);
  stores.openNeighbour(store, 1);
  assert.equal(store.state.openKey, "b");
  stores.removeImage(store, "b");
  assert.equal(store.state.openKey, "a");
  stores.removeImage(store, "a");
  assert.equal(store.state.openKey, null);
});

test("confidence parts what is shown from weaker finds", () => {
  const store = storeWithResult();
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 1, 3]);
  assert.deepEqual(ids(objects.weakerObjects(store.state)), [2]);
  stores.setConfidence(store, 0.6);
  assert.deepEqual(ids(objects.weakerObjects(store.state)), [1, 2]);
  objects.keepObjects(store, [2]);
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 2, 3]);
});

test("groups by class, the highest score first, with numbers where there are several", () => {
  const store = storeWithResult();
  const groups = objects.groupsByLabel(store.state).map((group) => [group.label, ids(group.objects)]);
  assert.deepEqual(groups, [["cat", [3, 0]], ["dog", [1]]]);
  assert.equal(objects.nameOf(store.state, objects.objectById(store.state, 0)), "cat 2");
  assert.equal(objects.nameOf(store.state, objects.objectById(store.state, 1)), "dog");
});

test("hide, solo, rename and delete; each is undone and done again", () => {
  const store = storeWithResult();
  objects.toggleHidden(store, 0);
  objects.renameObject(store, 1, "  wolf ");
  objects.selectObject(store, 3);
  objects.deleteObject(store, 3);
  assert.equal(store.state.selectedId, null);
  assert.deepEqual(ids(objects.shownObjects(store.state)), [1]);
  assert.equal(objects.objectById(store.state, 1).label, "wolf");
  assert.ok(objects.undo(store) && objects.undo(store) && objects.undo(store));
  assert.ok(!objects.undo(store));
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 1, 3]);
  assert.ok(objects.redo(store));
  assert.deepEqual(ids(objects.shownObjects(store.state)), [1, 3]);
  objects.toggleHidden(store, 1);
  assert.ok(!objects.redo(store));
});

test("what changes nothing is not undone", () => {
  const store = storeWithResult();
  objects.renameObject(store, 0, "cat");
  objects.renameObject(store, 0, "   ");
  assert.ok(!objects.undo(store));
});

test("solo shows one object or class, but exports hold what it leaves aside", () => {
  const store = storeWithResult();
  objects.toggleSolo(store, { label: "cat" });
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 3]);
  assert.deepEqual(ids(objects.exportedObjects(stores.openImage(store.state), store.state)), [0, 1, 3]);
  objects.toggleSolo(store, { id: 1 });
  assert.deepEqual(ids(objects.shownObjects(store.state)), [1]);
  objects.toggleSolo(store, { id: 1 });
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 1, 3]);
});

test("a whole class is hidden, and shown where one of it is hidden", () => {
  const store = storeWithResult();
  objects.toggleHidden(store, 0);
  objects.toggleLabelHidden(store, "cat");
  assert.deepEqual(ids(objects.shownObjects(store.state)), [0, 1, 3]);
  objects.toggleLabelHidden(store, "cat");
  assert.deepEqual(ids(objects.shownObjects(store.state)), [1]);
});

test("selection goes round what is shown, in the order of the list", () => {
  const store = storeWithResult();
  const seen = [];
  for (let i = 0; i < 4; i++) {
    objects.selectNeighbour(store, 1);
    seen.push(store.state.selectedId);
  }
  assert.deepEqual(seen, [3, 0, 1, 3]);
  objects.selectNeighbour(store, -1);
  assert.equal(store.state.selectedId, 1);
});

test("objects are put in place of others, or added with ids of their own", () => {
  const store = storeWithResult();
  const image = stores.openImage(store.state);
  const added = { ...image.objects[0], id: objects.localId(image) };
  assert.equal(added.id, -1);
  objects.putObject(store, "a", added);
  assert.equal(stores.openImage(store.state).objects.length, 5);
  objects.putObject(store, "a", { ...added, id: 9, label: "fox" }, -1);
  assert.deepEqual(ids(stores.openImage(store.state).objects), [0, 1, 2, 3, 9]);
});

test("a sentence that is said twice is announced twice", () => {
  const store = stores.createStore();
  stores.say(store, "Undone");
  const first = store.state.announced;
  stores.say(store, "Undone");
  assert.notEqual(store.state.announced, first);
  assert.equal(store.state.announced.trim(), "Undone");
});
