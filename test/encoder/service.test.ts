/**
 * The encoder over HTTP, the same bits as here, metrics and logs that tell no names, and an orderly leave. What it
 * refuses stands in `service-refusals.test.ts`, how awake it stays in `service-awake.test.ts`.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { pino } from "pino";
import sharp from "sharp";
import { type EncoderService, openEncoder, startEncoderService } from "../../encoder/index.js";
import { codeToHex, type Encoder, packCode } from "../../schemas/index.js";
import { BRAIN } from "./images.js";
import { DICOM, form, get, post } from "./service-caller.js";
import { gradient, gradients, writeStack } from "./written-dicom.js";

describe("the encoder service", function () {
  this.timeout(180_000);
  const logged: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => logged.push(line) });
  let local: Encoder;
  let service: EncoderService;
  let brain: Buffer<ArrayBuffer>;

  before(async () => {
    brain = Buffer.from(await readFile(BRAIN));
    local = await openEncoder({ workers: 2 });
    service = await startEncoderService({ host: "127.0.0.1", port: 0, encoder: local, logger });
  });
  after(async () => {
    await service.close();
    await local.close();
  });

  describe("answers", () => {
    it("that it is alive, that it is ready, and with which network", async () => {
      assert.deepEqual((await get(`${service.url}/healthz`)).body, { status: "ok" });
      const info = await local.info();
      assert.deepEqual((await get(`${service.url}/readyz`)).body, { status: "ready", ...info });
      assert.deepEqual((await get(`${service.url}/v1/info`)).body, info);
    });

    it("an upload with the code, hash and features that the encoder gives here", async () => {
      const here = await local.encode({ path: BRAIN });
      const [frame] = here.frames;
      assert.ok(frame !== undefined);
      for (const there of [
        await post(`${service.url}/v1/encode`, brain, DICOM),
        await post(`${service.url}/v1/encode`, form(brain)),
      ]) {
        assert.equal(there.status, 200);
        const { timingsMs, ...body } = there.body;
        assert.deepEqual(body, {
          model: (await local.info()).model,
          kind: "dicom",
          contentDigest: here.contentDigest,
          attributes: here.attributes,
          constantFrames: [],
          frames: [
            {
              frame: 1,
              code: codeToHex(packCode(frame.embedding.hash)),
              hash: Buffer.from(frame.embedding.hash.buffer).toString("base64"),
              features: Buffer.from(frame.embedding.features.buffer).toString("base64"),
              pixelDigest: frame.pixelDigest,
              slicePositionMm: frame.slicePositionMm,
              foreignScore: frame.foreignScore,
            },
          ],
        });
        assert.deepEqual(Object.keys(timingsMs as object), ["decode", "network"]);
      }
    });

    it("with no patientKey, whatever the file holds", async () => {
      const { body } = await post(`${service.url}/v1/encode`, brain, DICOM);
      assert.ok(!("patientKey" in (body.attributes as object)));
    });

    it("with the frames and the preview that were asked for", async () => {
      const stack = writeStack({ rows: 32, columns: 32, frames: [1, 2, 3].map((seed) => gradient(32, 32, seed)) });
      const { body } = await post(`${service.url}/v1/encode?frames=3,1&preview=16`, new Uint8Array(stack), DICOM);
      const frames = body.frames as { frame: number; preview: string }[];
      assert.deepEqual(
        frames.map(({ frame }) => frame),
        [3, 1],
      );
      const { width, height } = await sharp(Buffer.from(frames[0]?.preview ?? "", "base64")).metadata();
      assert.deepEqual([width, height], [16, 16]);
    });

    it("with metrics of requests, batches and the provider", async () => {
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      for (const line of [
        /^dafh_encoder_requests_total\{route="\/v1\/encode",status="200"\} [1-9]/m,
        /^dafh_encoder_batch_size_count [1-9]/m,
        /^dafh_encoder_decode_seconds_count [1-9]/m,
        /^dafh_encoder_network_seconds_count [1-9]/m,
        /^dafh_encoder_waiting_files 0/m,
        /^dafh_encoder_info\{.*provider="c(pu|uda)"\} 1/m,
      ]) {
        assert.match(metrics, line);
      }
    });

    it("under the request id that it was given, or one of its own", async () => {
      const given = await fetch(`${service.url}/healthz`, { headers: { "x-request-id": "trace-1.a_b" } });
      assert.equal(given.headers.get("x-request-id"), "trace-1.a_b");
      const forged = await fetch(`${service.url}/healthz`, { headers: { "x-request-id": "ROE RICHARD" } });
      assert.match(forged.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    });
  });

  it("drops the work of a client that has gone", async () => {
    const frames = gradients(64, 64, 400);
    const body = new Uint8Array(writeStack({ rows: 64, columns: 64, frames }));
    const framesUnderWay = async (): Promise<number> => {
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      return Number(/^dafh_encoder_frames_under_way (\d+)/m.exec(metrics)?.[1]);
    };
    const client = new AbortController();
    const gone = fetch(`${service.url}/v1/encode`, { method: "POST", body, headers: DICOM, signal: client.signal });
    const rejected = assert.rejects(gone);
    while ((await framesUnderWay()) === 0) await pause(2);
    client.abort();
    await rejected;
    while ((await framesUnderWay()) > 0) await pause(2);
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    assert.match(metrics, /dafh_encoder_files_total\{outcome="TIMEOUT"\} [1-9]/);
  });

  it("survives a connection that breaks off inside a body", async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      "POST /v1/encode HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Length: 1000\r\n\r\nhalf",
    );
    await pause(50);
    socket.destroy();
    assert.equal((await post(`${service.url}/v1/encode`, brain, DICOM)).status, 200);
  });

  it("logs and counts every request without a name of the patient, the file or the image", async () => {
    const named = writeStack({ rows: 8, columns: 8, frames: [gradient(8, 8, 1)], patientName: "ROE^RICHARD" });
    await post(`${service.url}/v1/encode`, form(new Uint8Array(named)));
    await post(`${service.url}/v1/encode`, new Uint8Array(named.subarray(0, 500)), DICOM);
    await get(`${service.url}/v1/ROE^RICHARD`);
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    assert.ok(logged.some((line) => line.includes("/v1/encode")));
    for (const text of [...logged, metrics]) assert.doesNotMatch(text, /ROE|RICHARD/i);
  });

  it("finishes what is under way when it closes, and takes nothing new", async () => {
    const other = await startEncoderService({ host: "127.0.0.1", port: 0, encoder: local, logger });
    const frames = gradients(128, 128, 100);
    const body = new Uint8Array(writeStack({ rows: 128, columns: 128, frames }));
    const running = fetch(`${other.url}/v1/encode`, { method: "POST", body, headers: DICOM });
    await pause(100);
    const closing = other.close();
    assert.equal(other.close(), closing);
    assert.equal((await running).status, 200);
    await closing;
    await assert.rejects(fetch(`${other.url}/healthz`));
  });

  it("says when it cannot listen", async () => {
    const port = Number(new URL(service.url).port);
    const options = { host: "127.0.0.1", port, encoder: local, logger };
    await assert.rejects(startEncoderService(options), { code: "BAD_OPTION", message: /EADDRINUSE/ });
  });
});
