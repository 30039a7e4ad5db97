import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";

import * as api from "../api.js";

/** @type {(request: http.IncomingMessage, response: http.ServerResponse) => void} */
let answer = () => {};
const server = http.createServer((request, response) => answer(request, response));
const realFetch = globalThis.fetch;

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  globalThis.fetch = (path, options) => realFetch(`http://127.0.0.1:${port}${path}`, options);
});
after(() => {
  globalThis.fetch = realFetch;
  server.closeAllConnections();
  server.close();
});

/** @param {http.ServerResponse} response @param {number} status @param {object} body */
function say(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

test("a problem document becomes a Problem with its code and sentence", async () => {
  answer = (_, response) => say(response, 422, { code: "empty_prompt", detail: "Write.", status: 422 });
  await assert.rejects(api.engines(), (/** @type {api.Problem} */ problem) => {
    assert.equal(problem.code, "empty_prompt");
    assert.equal(problem.message, "Write.");
    return !problem.isPassing;
  });
  answer = (_, response) => response.writeHead(502).end("<html>");
  await assert.rejects(api.engines(), { status: 502, code: "internal_error" });
});

test("a submit is sent again with the same key until it is taken", async () => {
  /** @type {string[]} */
  const keys = [];
  const waits = [];
  answer = (request, response) => {
    request.resume();
    keys.push(String(request.headers["idempotency-key"]));
    assert.equal(request.headers.prefer, "respond-async");
    if (keys.length < 3) say(response, 503, { code: "queue_full", detail: "Full.", status: 503 });
    else say(response, 202, { task_id: "t" });
  };
  const onWait = (/** @type {api.Problem} */ problem) => waits.push(problem.code);
  assert.equal(await api.submit("/segment", new Blob(["x"]), "x.png", {}, { onWait }), "t");
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(waits, ["queue_full", "queue_full"]);
});

test("a submit that cannot succeed is not sent again", async () => {
  let count = 0;
  answer = (request, response) => {
    request.resume();
    count += 1;
    say(response, 503, { code: "no_worker", detail: "Nobody.", status: 503 });
  };
  await assert.rejects(api.submit("/segment", new Blob(["x"]), "x.png", {}), { code: "no_worker" });
  assert.equal(count, 1);
});

test("the form holds the fields that are set, objects as JSON", () => {
  const form = api.formOf({ a: 0, b: null, c: undefined, d: ["x"], e: "é", f: false });
  assert.deepEqual([...form], [["a", "0"], ["d", '["x"]'], ["e", "é"], ["f", "false"]]);
});

test("events are followed through a connection that breaks, each once", async () => {
  const asked = [];
  answer = (request, response) => {
    if (request.url === "/api/tasks/t") return say(response, 200, { status: "done", result: 7 });
    asked.push(request.headers["last-event-id"]);
    const rows = asked.length === 1 ? ["queued", "started"] : ["done"];
    rows.forEach((type, index) => {
      const id = `${asked.length}-${index}`;
      response.write(`event: ${type}\r\ndata: {"type": "${type}", "da`);
      response.write(`ta": {}}\r\nid: ${id}\r\n\r\n: a comment\n\n`);
    });
    return asked.length === 1 ? setTimeout(() => response.destroy(), 50) : response.end();
  };
  /** @type {string[]} */
  const seen = [];
  const status = await api.follow("t", (event) => seen.push(`${event.type} ${event.id}`));
  assert.deepEqual(status, { status: "done", result: 7 });
  assert.deepEqual(asked, [undefined, "1-1"]);
  assert.deepEqual(seen, ["queued 1-0", "started 1-1", "done 2-0"]);
});

test("a task whose events are over ends without them", async () => {
  answer = (request, response) =>
    request.url === "/api/tasks/t"
      ? say(response, 200, { status: "failed" })
      : response.writeHead(204).end();
  assert.deepEqual(await api.follow("t", assert.fail), { status: "failed" });
});

test("what waits ends when it is aborted", async () => {
  answer = (_, response) => say(response, 503, { code: "unavailable", status: 503 });
  const stop = new AbortController();
  const following = api.follow("t", assert.fail, { signal: stop.signal, onWait: () => stop.abort() });
  await assert.rejects(following, { name: "AbortError" });
});

test("files keep the name that the server gives them", async () => {
  answer = (request, response) => {
    request.resume();
    const name = `inline; filename="_.png"; filename*=UTF-8''%E7%8C%AB.png`;
    response.writeHead(200, { "Content-Type": "image/png", "Content-Disposition": name });
    response.end("bytes");
  };
  const file = await api.image("t");
  assert.deepEqual([file.name, file.type, await file.text()], ["猫.png", "image/png", "bytes"]);
  const { name } = await api.exported("coco", [{}], ["a.png"]);
  assert.equal(name, "猫.png");
});
