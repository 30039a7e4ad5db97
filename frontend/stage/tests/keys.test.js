import assert from "node:assert/strict";
import { test } from "node:test";
import { keyMap, nameOfKey } from "../keys.js";

const event = (key, held = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("keys are called by what is on them, and Ctrl stands for the Mac's command key", () => {
  assert.equal(nameOfKey(event("h")), "H");
  assert.equal(nameOfKey(event("z", { metaKey: true })), "Ctrl+Z");
  assert.equal(nameOfKey(event("Z", { ctrlKey: true, shiftKey: true })), "Ctrl+Shift+Z");
  // Shift makes these signs on many keyboards, and none of it on others.
  assert.equal(nameOfKey(event("?", { shiftKey: true })), "?");
  assert.equal(nameOfKey(event("+", { shiftKey: true })), "+");
  assert.equal(nameOfKey(event("ArrowUp", { shiftKey: true })), "Shift+ArrowUp");
});

test("no two commands share a key, but where one of them has its time", () => {
  const taken = new Map();
  for (const { keys, text, when, group } of keyMap({ store: {}, view: {}, slots: {} })) {
    if (!group) continue;
    for (const key of keys) {
      assert.ok(!taken.has(key), `${key}: ${taken.get(key)} and ${text}`);
      taken.set(key, text);
    }
    assert.equal(typeof (when ?? (() => true)), "function");
  }
  assert.ok(taken.size > 40);
});
