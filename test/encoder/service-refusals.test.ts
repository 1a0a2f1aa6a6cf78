/** What the encoder service refuses: each with its status and code, and it lives on. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { pino } from "pino";
import sharp from "sharp";
import { type EncoderService, openEncoder, startEncoderService } from "../../encoder/index.js";
import type { Encoder, ErrorCode } from "../../schemas/index.js";
import { BRAIN } from "./images.js";
import { type Answer, assertRefused, DICOM, form, get, PNG, post, readAnswer } from "./service-caller.js";
import { gradients, writeStack } from "./written-dicom.js";

const BODY_LIMIT = 4 * 1024 * 1024;

describe("the encoder service refuses", function () {
  this.timeout(180_000);
  const logger = pino({ level: "silent" });
  let local: Encoder;
  let service: EncoderService;
  let brain: Uint8Array<ArrayBuffer>;

  before(async () => {
    brain = new Uint8Array(await readFile(BRAIN));
    local = await openEncoder({ workers: 1 });
    service = await startEncoderService({
      host: "127.0.0.1",
      port: 0,
      encoder: local,
      logger,
      limits: { bodyBytes: BODY_LIMIT, bufferedBytes: 8 * BODY_LIMIT },
    });
  });
  after(async () => {
    await service.close();
    await local.close();
  });

  const megabytes = (count: number): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (let index = 0; index < count; index++) controller.enqueue(new Uint8Array(1024 * 1024));
        controller.close();
      },
    });
  /** Goes over the limit with one piece and then sends one that would still have fitted. */
  const overAndOn = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      async start(controller) {
        for (const bytes of [BODY_LIMIT - 1000, 2000, 10]) {
          controller.enqueue(new Uint8Array(bytes));
          await pause(50);
        }
        controller.close();
      },
    });
  /** A PNG of a few bytes that says it is 50,000 × 50,000. */
  async function bomb(): Promise<Uint8Array<ArrayBuffer>> {
    const raw = { raw: { width: 1, height: 1, channels: 1 as const } };
    const png = new Uint8Array(await sharp(Uint8Array.of(1), raw).png().toBuffer());
    new DataView(png.buffer).setUint32(16, 50_000);
    new DataView(png.buffer).setUint32(20, 50_000);
    return png;
  }

  const cases: [what: string, status: number, code: ErrorCode, send: () => Promise<Answer>][] = [
    ["an address that is not there", 404, "NOT_FOUND", () => get(`${service.url}/v2/encode`)],
    ["another method", 405, "METHOD_NOT_ALLOWED", () => get(`${service.url}/v1/encode`)],
    ["another method of a route that reads", 405, "METHOD_NOT_ALLOWED", () => post(`${service.url}/healthz`, "x")],
    ["no content type", 415, "UNSUPPORTED_MEDIA_TYPE", () => post(`${service.url}/v1/encode`, brain)],
    [
      "a text",
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      () => post(`${service.url}/v1/encode`, "{}", { "content-type": "application/json" }),
    ],
    [
      "a compressed body",
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      () => post(`${service.url}/v1/encode`, brain, { ...DICOM, "content-encoding": "gzip" }),
    ],
    ["an empty body", 400, "BAD_REQUEST", () => post(`${service.url}/v1/encode`, "", DICOM)],
    ["a form without a file", 400, "BAD_REQUEST", () => post(`${service.url}/v1/encode`, form())],
    ["a form with two files", 400, "BAD_REQUEST", () => post(`${service.url}/v1/encode`, form(brain, brain))],
    [
      "a form that breaks off",
      400,
      "BAD_REQUEST",
      () => post(`${service.url}/v1/encode`, "junk", { "content-type": "multipart/form-data; boundary=x" }),
    ],
    [
      "a form without a boundary",
      400,
      "BAD_REQUEST",
      () => post(`${service.url}/v1/encode`, "junk", { "content-type": "multipart/form-data" }),
    ],
    [
      "a body over the limit",
      413,
      "BODY_TOO_LARGE",
      () => post(`${service.url}/v1/encode`, new Uint8Array(BODY_LIMIT + 1), DICOM),
    ],
    [
      "a body over the limit that does not say so",
      413,
      "BODY_TOO_LARGE",
      () => post(`${service.url}/v1/encode`, megabytes(8), DICOM),
    ],
    [
      "a body that goes over the limit and on",
      413,
      "BODY_TOO_LARGE",
      () => post(`${service.url}/v1/encode`, overAndOn(), DICOM),
    ],
    [
      "a form over the limit",
      413,
      "BODY_TOO_LARGE",
      () => post(`${service.url}/v1/encode`, form(new Uint8Array(BODY_LIMIT - 1000), brain)),
    ],
    [
      "bytes that are no image",
      422,
      "NOT_DICOM",
      () => post(`${service.url}/v1/encode`, "no image whatever the type says", DICOM),
    ],
    [
      "a text that calls itself a PNG",
      422,
      "NOT_DICOM",
      () => post(`${service.url}/v1/encode`, "no image whatever the type says", PNG),
    ],
    ["a PNG of gigapixels", 422, "TOO_MANY_PIXELS", async () => post(`${service.url}/v1/encode`, await bomb(), PNG)],
    [
      "half a DICOM file",
      422,
      "DICOM_TRUNCATED",
      () => post(`${service.url}/v1/encode`, brain.subarray(0, 600), DICOM),
    ],
    [
      "a frame that is not there",
      422,
      "FRAME_OUT_OF_RANGE",
      () => post(`${service.url}/v1/encode?frames=2`, brain, DICOM),
    ],
    [
      "frames that are no numbers",
      400,
      "BAD_OPTION",
      () => post(`${service.url}/v1/encode?frames=1,two`, brain, DICOM),
    ],
    ["frame 0", 400, "BAD_OPTION", () => post(`${service.url}/v1/encode?frames=0`, brain, DICOM)],
    [
      "a preview of 10⁹ pixels",
      400,
      "BAD_OPTION",
      () => post(`${service.url}/v1/encode?preview=1000000000`, brain, DICOM),
    ],
    [
      "an option that it does not know",
      400,
      "BAD_REQUEST",
      () => post(`${service.url}/v1/encode?frame=1`, brain, DICOM),
    ],
  ];
  for (const [what, status, code, send] of cases) {
    it(`${what} with ${status} ${code}, and lives on`, async () => {
      assertRefused(await send(), status, code);
      assert.equal((await get(`${service.url}/healthz`)).status, 200);
    });
  }

  it("more bytes at once than it may hold, with 503 and when to come back", async () => {
    const small = await startEncoderService({
      ...{ host: "127.0.0.1", port: 0, encoder: local, logger },
      limits: { bodyBytes: BODY_LIMIT, bufferedBytes: brain.length + 10 },
    });
    try {
      const upload = (): Promise<Response> =>
        fetch(`${small.url}/v1/encode`, { method: "POST", body: brain, headers: DICOM });
      const answers = await Promise.all(Array.from({ length: 6 }, upload));
      const refused = answers.filter(({ status }) => status === 503);
      assert.ok(refused.length > 0 && answers.some(({ status }) => status === 200));
      assert.equal(refused[0]?.headers.get("retry-after"), "1");
      assertRefused(await readAnswer(refused[0] ?? Response.error()), 503, "OVERLOADED");
      assert.equal((await upload()).status, 200);
    } finally {
      await small.close();
    }
  });

  it("to keep a request that takes too long", async () => {
    const hasty = await startEncoderService({
      ...{ host: "127.0.0.1", port: 0, encoder: local, logger },
      limits: { requestMs: 30 },
    });
    try {
      const frames = gradients(128, 128, 200);
      const body = new Uint8Array(writeStack({ rows: 128, columns: 128, frames }));
      const response = await fetch(`${hasty.url}/v1/encode`, { method: "POST", body, headers: DICOM });
      assertRefused(await readAnswer(response), 504, "TIMEOUT");
    } finally {
      await hasty.close();
    }
  });
});
