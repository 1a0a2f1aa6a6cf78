/** Retries: what may pass is tried again until it does, what will not is told at once, and nobody waits for ever. */
import assert from "node:assert/strict";
import { Connection } from "../../plugin/collection/index.js";
import { backOffMs, READ, type RetryPolicy, retrying, WRITE } from "../../plugin/collection/retry.js";
import { DafhCollection } from "../../plugin/index.js";
import { DafhError, type ErrorCode } from "../../schemas/index.js";
import { errorOf, openTestEngine, type TestEngine } from "./engine.js";
import { type Fault, type FlakyProxy, openFlakyProxy } from "./flaky-proxy.js";
import { generator, TEST_MODEL } from "./generated.js";

const said = (status: number, error: string): Fault => ({
  status,
  body: JSON.stringify({ status: { error }, time: 0 }),
});

describe("a connection to Qdrant", function () {
  this.timeout(60_000);
  let engine: TestEngine;
  let proxy: FlakyProxy;
  let collection: DafhCollection;
  const generated = generator(11);
  const points = Array.from({ length: 600 }, (_, index) => generated.point(index));

  before(async () => {
    engine = await openTestEngine();
    proxy = await openFlakyProxy(engine.url);
    const connection = { url: proxy.url, apiKey: engine.apiKey };
    collection = await DafhCollection.open({ connection, model: TEST_MODEL, create: true });
  });
  after(async () => {
    await collection?.close();
    await proxy?.close();
    await engine?.close();
  });
  beforeEach(() => {
    proxy.faults = [];
    proxy.requests.length = 0;
  });

  const passing: [what: string, fault: Fault][] = [
    ["a connection that is reset", "reset"],
    ["an answer that is lost", "answer-lost"],
    ["an answer that is cut off", "answer-cut"],
    ["too many requests", said(429, "slow down")],
    ["too many requests, with a time to wait", { status: 429, body: "{}", headers: { "retry-after": "1" } }],
    ["an internal error", said(500, "something broke")],
    ["a gateway's page", { status: 502, body: "<html>Bad gateway</html>", headers: { "content-type": "text/html" } }],
    ["a server that starts", said(503, "loading")],
    ["a proxy that tells a JSON answer and sends none", { status: 200, body: "<html>" }],
  ];
  for (const [what, fault] of passing) {
    it(`survives ${what}, in reading and in writing, and stores every point once`, async () => {
      proxy.faults = [fault, fault];
      await collection.upsert(points);
      proxy.faults = [fault, fault];
      assert.equal(await collection.count(), points.length);
      assert.equal(proxy.faults.length, 0);
    });
  }

  const final: [what: string, fault: Fault, code: ErrorCode][] = [
    ["a full disk", said(500, "Service internal error: No space left on device (os error 28)"), "DISK_FULL"],
    ["a full disk by its status", said(507, "insufficient storage"), "DISK_FULL"],
    ["a refused request", said(400, "Wrong input: Vector dimension error"), "ENGINE_REJECTED"],
    ["a body that is too large", said(413, "payload too large"), "ENGINE_REJECTED"],
    ["what the server does not know", said(501, "not implemented"), "ENGINE_REJECTED"],
    ["a wrong key", said(403, "forbidden"), "ENGINE_REJECTED"],
    ["a collection that is gone", said(404, "Not found: Collection `dafh` doesn't exist!"), "COLLECTION_MISSING"],
  ];
  for (const [what, fault, code] of final) {
    it(`does not try again after ${what}`, async () => {
      proxy.faults = [fault];
      await assert.rejects(collection.count(), errorOf(code));
      assert.equal(proxy.requests.length, 1);
    });
  }

  it("gives up in the end, saying where nobody answered and keeping the cause", async () => {
    const gone = await openFlakyProxy(engine.url);
    await gone.close();
    const started = performance.now();
    await assert.rejects(DafhCollection.open({ connection: { url: gone.url }, model: TEST_MODEL }), (error) => {
      errorOf("ENGINE_UNAVAILABLE", /127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/)(error);
      return error instanceof DafhError && error.cause !== undefined && error.retryable;
    });
    assert.ok(performance.now() - started < 5_000);
  });

  it("keeps the words of Qdrant and never the key", async () => {
    proxy.faults = [said(400, "Wrong input: a reason")];
    await assert.rejects(collection.count(), (error) => {
      errorOf("ENGINE_REJECTED", /a reason/)(error);
      return error instanceof DafhError && !JSON.stringify(error.toBody()).includes(engine.apiKey);
    });
  });

  it("ends with the caller's signal, while Qdrant is silent and while it waits to try again", async () => {
    for (const faults of [["hang"], Array.from({ length: 8 }, () => said(503, "loading"))] as Fault[][]) {
      proxy.faults = faults;
      const signal = AbortSignal.timeout(300);
      const started = performance.now();
      await assert.rejects(collection.upsert(points.slice(0, 1), { signal }), errorOf("TIMEOUT"));
      assert.ok(performance.now() - started < 2_000);
      proxy.faults = [];
    }
    const gone = new DafhError("OVERLOADED", "the reason of the caller");
    await assert.rejects(collection.upsert(points, { signal: AbortSignal.abort(gone) }), (error) => error === gone);
  });

  it("leaves no listener behind on a signal that outlives the call", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counting = {
      aborted: false,
      reason: undefined,
      addEventListener: (...args: Parameters<AbortSignal["addEventListener"]>) => {
        listeners++;
        signal.addEventListener(...args);
      },
      removeEventListener: (...args: Parameters<AbortSignal["removeEventListener"]>) => {
        listeners--;
        signal.removeEventListener(...args);
      },
    };
    await collection.upsert(points, { signal: counting as unknown as AbortSignal });
    assert.equal(listeners, 0);
  });

  it("takes a silent Qdrant for one that does not answer, after the time for one attempt", async () => {
    const hasty: RetryPolicy = { ...READ, attempts: 2, timeoutMs: 150 };
    const connection = await Connection.open({ url: proxy.url, apiKey: engine.apiKey });
    proxy.faults = ["hang"];
    await connection.send((api, init) => api.getCollections({}, init), hasty);
    assert.equal(proxy.requests.length, 2);
    proxy.faults = ["hang", "hang"];
    const silent = connection.send((api, init) => api.getCollections({}, init), hasty);
    await assert.rejects(silent, errorOf("ENGINE_UNAVAILABLE", /within 0\.15 s/));
  });

  it("waits longer from attempt to attempt, never as long as its neighbour, never past the most", () => {
    for (const policy of [READ, WRITE]) {
      for (let attempt = 1; attempt < policy.attempts; attempt++) {
        const [least, most] = [backOffMs(attempt, policy, 0), backOffMs(attempt, policy, 1)];
        assert.ok(least < most && most <= policy.mostDelayMs);
        assert.ok(backOffMs(attempt + 1, policy, 0) >= least);
      }
    }
  });

  it("asks once where its policy says so", async () => {
    let asked = 0;
    const attempt = async () => ({
      address: "nowhere:1",
      run: async () => {
        asked++;
        throw Object.assign(new TypeError("fetch failed"), {
          cause: Object.assign(new Error(), { code: "ECONNRESET" }),
        });
      },
      onFault: <Same>(fault: Same) => fault,
    });
    await assert.rejects(
      retrying(attempt, { ...READ, attempts: 1 }),
      errorOf("ENGINE_UNAVAILABLE", /nowhere:1.*ECONNRESET/),
    );
    assert.equal(asked, 1);
  });

  it("is refused for an address that is none, or one that holds a password", async () => {
    for (const url of ["localhost:6333", "ftp://host", "", "http://user:secret@host:6333"]) {
      await assert.rejects(DafhCollection.open({ connection: { url }, model: TEST_MODEL }), (error) => {
        errorOf("BAD_OPTION")(error);
        return error instanceof DafhError && !error.message.includes("secret");
      });
    }
  });
});
