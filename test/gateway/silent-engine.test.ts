/** An engine that takes requests and answers none: what the gateway's own answers say of it, and what it goes on asking. */
import assert from "node:assert/strict";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { openEmbeddedEngine } from "../../plugin/embedded/index.js";
import { DafhCollection } from "../../plugin/index.js";
import { ERRORS } from "../../schemas/index.js";
import { openParts, type Parts, type Running, run } from "./running.js";

/** Stands between the gateway and its engine; once silenced it takes every request and answers none. */
class Silencer {
  unanswered = 0;
  silent = false;
  private constructor(private readonly server: Server) {}

  static async before(engineUrl: string): Promise<Silencer> {
    const server = createServer();
    const silencer = new Silencer(server);
    server.on("request", (asked, answer) => {
      if (silencer.silent) {
        silencer.unanswered += 1;
        return;
      }
      const { method, headers, url = "/" } = asked;
      const passed = httpRequest(new URL(url, engineUrl), { method, headers }, (given) => {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        given.pipe(answer);
      });
      passed.on("error", () => answer.destroy());
      asked.pipe(passed);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return silencer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    return closed;
  }
}

describe("the gateway, with an engine that answers nothing any more", function () {
  this.timeout(60_000);
  let parts: Parts;
  let collection: DafhCollection;
  let silencer: Silencer;
  let gateway: Running;

  before(async () => {
    parts = await openParts();
    const engine = await openEmbeddedEngine({ dataDir: parts.dataDir });
    const { url, apiKey } = await engine.endpoint();
    await engine.release();
    silencer = await Silencer.before(url);
    const connection = { url: `http://127.0.0.1:${silencer.port}`, apiKey };
    collection = await DafhCollection.open({ connection, model: parts.collection.model });
    gateway = await run({ ...parts, collection });
  });

  after(async () => {
    await gateway.close();
    await silencer.close();
    await collection.close();
    await parts.close();
  });

  it("is not ready, names no place, and asks once however often it is probed", async () => {
    const probe = async () => {
      const answer = await fetch(`${gateway.url}/readyz`);
      return { status: answer.status, text: await answer.text() };
    };
    assert.equal((await probe()).status, 200);
    silencer.silent = true;
    await delay(1100); // looks within a second are shared
    const first = await probe();
    assert.equal(first.status, 503);
    assert.ok(first.text.includes(ERRORS.ENGINE_UNAVAILABLE.meaning), first.text);
    assert.ok(!first.text.includes("127.0.0.1"), first.text);
    const askedByOne = silencer.unanswered;
    assert.ok(askedByOne > 0);
    for (let times = 0; times < 2; times++) assert.equal((await probe()).status, 503);
    assert.equal(silencer.unanswered, askedByOne);
  });

  it("tells a client the code's meaning and not where the engine is", async () => {
    await silencer.close();
    const answer = await fetch(`${gateway.url}/v1/facets?field=modality`);
    const text = await answer.text();
    assert.equal(answer.status, 503, text);
    assert.equal((JSON.parse(text) as { error: { message: string } }).error.message, ERRORS.ENGINE_UNAVAILABLE.meaning);
    assert.ok(!text.includes("127.0.0.1") && !text.includes("ECONNREFUSED"), text);
  });
});
