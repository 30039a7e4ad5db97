import assert from "node:assert/strict";
import { test } from "node:test";

import { nameOf } from "../drop.js";
import { ranOn } from "../facts.js";
import { apart, exportedImages, shownResult, stemOf } from "../results.js";
import { isUnsaved, searchOf, tasksOf } from "../session.js";
import { hasTextThreshold } from "../settings.js";
import { asCommand, asCurl, asPython, literal, quoted, shownFields } from "../snippets.js";
import { changeObjects } from "../objects.js";
import { patchImage, takeResult } from "../store.js";
import { badgeOf } from "../strip.js";
import { crc32, zipped } from "../zip.js";
import { resultOf, storeWith } from "./double.js";

const [A, B] = ["a".repeat(32), "b".repeat(32)];

test("the address names the tasks, and what else it says stays", () => {
  assert.deepEqual(tasksOf(`?x=1&t=${A},${B},${A},../etc`), [A, B]);
  assert.equal(searchOf("?x=1&t=old", [A, B]), `?x=1&t=${A},${B}`);
  assert.equal(searchOf(`?t=${A}`, []), "");
});

test("what was corrected is unsaved until a file holds it", () => {
  const store = storeWith("a");
  takeResult(store, "a", resultOf("t", [0.8]));
  assert.equal(isUnsaved(store.state), false);
  changeObjects(store, "a", []);
  assert.equal(isUnsaved(store.state), true);
  patchImage(store, "a", { savedObjects: store.state.images[0].objects });
  assert.equal(isUnsaved(store.state), false);
});

test("a result is what is shown of it, under the names that it has now", () => {
  const store = storeWith("a");
  takeResult(store, "a", resultOf("t", [0.8, 0.7, 0.2]));
  const [first, second, third] = store.state.images[0].objects;
  changeObjects(store, "a", [{ ...first, label: "lion" }, { ...second, hidden: true }, third, { ...first, id: -1, made: true }]);
  const result = shownResult(store.state.images[0], store.state);
  assert.deepEqual(result.objects.map(({ id, label, score, area }) => [id, label, score, area]), [[0, "lion", 0.8, 8], [1, "cat", 0.8, 8]]);
  assert.deepEqual([result.task_id, result.visualization, result.classes], ["t", null, null]);
});

test("an export of many holds what was accepted, or else what was not rejected", () => {
  const store = storeWith("a", "b", "c");
  for (const key of ["a", "b", "c"]) takeResult(store, key, resultOf(key, [0.8]));
  patchImage(store, "c", { review: "rejected" });
  assert.deepEqual(exportedImages(store.state).map(({ key }) => key), ["a", "b"]);
  patchImage(store, "b", { review: "accepted" });
  assert.deepEqual(exportedImages(store.state).map(({ key }) => key), ["b"]);
});

test("names of files are safe and differ", () => {
  assert.equal(stemOf("cam 1/猫 & co.tar.png"), "猫_co_tar");
  assert.equal(stemOf("..."), "image");
  assert.deepEqual(apart(["a", "b", "a"]), ["a", "b", "2/a"]);
  assert.equal(nameOf({ name: "x.png", webkitRelativePath: "cam1/x.png" }), "cam1/x.png");
});

test("the sign on a thumbnail says what the image's state is", () => {
  const of = (state, count = 0) => badgeOf({ state }, count)[1];
  assert.deepEqual(
    [of("failed"), of("running"), of("new"), of("done", 1), of("empty"), of("done", 3)],
    ["failed", "on its way", "not searched yet", "1 object", "0 objects", "3 objects"],
  );
});

test("code asks for what is shown, and leaves out what is usual", () => {
  const sent = { path: "/segment", fields: { text_prompt: "cat", simplify: "auto", box_threshold: 0.1, text_threshold: 0.1, tile: "auto", max_objects: 3 } };
  assert.deepEqual(shownFields(sent, 0.35), { text_prompt: "cat", max_objects: 3 });
  assert.deepEqual(shownFields(sent, 0.2), { text_prompt: "cat", box_threshold: 0.2, text_threshold: 0.2, max_objects: 3 });
});

test("code is quoted for its language", () => {
  assert.equal(quoted("it's"), `'it'\\''s'`);
  assert.equal(literal({ a: [true, null, 'x"\n'], b: 0.5 }), '{"a": [True, None, "x\\"\\n"], "b": 0.5}');
  const request = { path: "/segment", fields: { text_prompt: "@cat; rm", engines: { detect: "nano" }, tile: "never" } };
  assert.equal(
    asCurl(request, "a b.png", "http://x/api"),
    `curl -sf http://x/api/segment \\\n  -F 'image=@"a b.png"' \\\n  --form-string 'text_prompt=@cat; rm' \\\n  --form-string 'engines={"detect":"nano"}' \\\n  --form-string tile=never \\\n  --form-string visualization=false`,
  );
  assert.match(asPython(request, "a.png", "http://x/api"), /segment_image\("a\.png", "@cat; rm", engines=\{"detect": "nano"\}, tile="never"\)/);
  assert.equal(asCommand(request, "a.png"), "edgeseg segment a.png '@cat; rm' --no-tile --detector nano --json -");
  assert.equal(asCommand({ path: "/segment", fields: { text_prompt: "x", filters: [{}] } }, "a"), null);
});

test("engines and their time are one line", () => {
  const ran = { name: "nano", device: "cpu" };
  assert.equal(ranOn({ engines: { detect: ran, segment: { ...ran, name: "sam" } }, timings_ms: { total: 310 } }), "nano + sam · cpu · 0.31 s");
});

test("only some detectors have a threshold of words", () => {
  const engines = [{ role: "detect", name: "nano", default: true }];
  assert.equal(hasTextThreshold({}, engines), false);
  assert.equal(hasTextThreshold({ engines: { detect: "grounding-dino-tiny" } }, engines), true);
});

test("a zip holds its files as they are", async () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  const blob = await zipped([{ name: "ä/1.txt", blob: new Blob(["one"]) }, { name: "2", blob: new Blob([]) }]);
  const bytes = new DataView(await blob.arrayBuffer());
  assert.equal(bytes.getUint32(0, true), 0x04034b50);
  assert.equal(bytes.getUint16(bytes.byteLength - 12, true), 2);
});
