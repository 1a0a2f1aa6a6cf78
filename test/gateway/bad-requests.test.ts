/** Whatever is sent: the right 4xx with a code of the table, never a 500, and the gateway goes on. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ErrorCode } from "../../schemas/index.js";
import { refusal, searchAnswer } from "./answers.js";
import { blackPng, deflatedDicomBomb, gzippedJson, zipArchive } from "./hostile.js";
import { endlessForm, rawRequest } from "./raw-http.js";
import { daikonFiles, formOf, imageForm, postForm, postJson, type Serving, serve } from "./running.js";

const MEBIBYTE = 1024 * 1024;
const MAX_UPLOAD = 16 * MEBIBYTE;

describe("the gateway, asked badly", function () {
  this.timeout(120_000);
  let gateway: Serving;
  let images: string[];
  let image: string;

  before(async () => {
    images = await daikonFiles();
    image = images.find((path) => path.endsWith("implicit_little.dcm")) ?? "";
    const limits = { maxUploadBytes: MAX_UPLOAD, maxJsonBytes: MEBIBYTE };
    gateway = await serve(async () => (await daikonFiles("brain")).slice(0, 5), limits);
  });

  afterEach(async () => {
    // Alive, and of use: a good search works after every bad one.
    assert.equal((await fetch(`${gateway.url}/healthz`)).status, 200);
    const { results } = await searchAnswer(await postForm(gateway.url, await imageForm(image)));
    assert.equal(results.length, 5);
  });

  after(async () => {
    await gateway.close();
    const failures = gateway.log.filter((line) => line.includes('"status":5'));
    assert.deepEqual(failures, [], "no bad request may end in a 5xx");
  });

  type Ask = () => Promise<Response>;
  const json =
    (body: unknown): Ask =>
    () =>
      postJson(gateway.url, body);
  const field =
    (name: string, value: string): Ask =>
    async () =>
      postForm(gateway.url, await imageForm(image, { [name]: value }));
  const get =
    (path: string): Ask =>
    () =>
      fetch(`${gateway.url}${path}`);
  const method =
    (name: string, path: string): Ask =>
    () =>
      fetch(`${gateway.url}${path}`, { method: name });
  const typed =
    (type: string, body: string): Ask =>
    () =>
      fetch(`${gateway.url}/v1/search`, { method: "POST", headers: { "content-type": type }, body });
  const upload =
    (bytes: () => Promise<Buffer> | Buffer): Ask =>
    async () =>
      postForm(gateway.url, formOf(new Blob([Uint8Array.from(await bytes())])));
  const unknownId = randomUUID();

  const cases: [string, Ask, number, ...ErrorCode[]][] = [
    ["no body", method("POST", "/v1/search"), 400, "NO_QUERY"],
    ["an empty JSON object", json({}), 400, "NO_QUERY"],
    ["a form without an image", () => postForm(gateway.url, new FormData()), 400, "NO_QUERY", "BAD_REQUEST"],
    [
      "a form with fields only",
      async () => {
        const form = new FormData();
        form.append("limit", "5");
        return postForm(gateway.url, form);
      },
      400,
      "NO_QUERY",
    ],
    [
      "two images",
      async () => {
        const form = await imageForm(image);
        form.append("image", new Blob(["x"]), "second");
        return postForm(gateway.url, form);
      },
      400,
      "SEVERAL_QUERIES",
    ],
    ["an image and an id", field("id", unknownId), 400, "SEVERAL_QUERIES"],
    [
      "a file in another field",
      async () => {
        const form = new FormData();
        form.append("picture", new Blob(["x"]), "picture");
        return postForm(gateway.url, form);
      },
      400,
      "BAD_REQUEST",
    ],
    [
      "a text in place of the image",
      async () => {
        const form = new FormData();
        form.append("image", "x");
        return postForm(gateway.url, form);
      },
      400,
      "BAD_REQUEST",
    ],
    ["an empty image", upload(() => Buffer.alloc(0)), 422, "FILE_EMPTY"],
    ["an image that is text", upload(() => Buffer.from("hello, world")), 415, "UNSUPPORTED_IMAGE"],
    ["half a DICOM file", upload(async () => (await readFile(image)).subarray(0, 60_000)), 422, "DICOM_TRUNCATED"],
    ["a zip archive", upload(() => zipArchive(64)), 415, "UNSUPPORTED_IMAGE"],
    ["a PNG of 60,000 × 60,000", upload(() => blackPng(60_000, 60_000)), 422, "TOO_MANY_PIXELS"],
    [
      "a DICOM file that inflates to 1 GB",
      upload(async () => {
        const sound = images.find((path) => path.endsWith("deflated.dcm")) ?? "";
        return deflatedDicomBomb(await readFile(sound), 1024);
      }),
      422,
      "DECOMPRESSION_RATIO",
      "DICOM_CORRUPT",
    ],
    ["a frame that the image does not have", field("frame", "2"), 422, "FRAME_OUT_OF_RANGE"],
    ["a frame of a stored instance", json({ id: unknownId, frame: 2 }), 400, "BAD_OPTION"],
    ["a limit of 0", json({ id: unknownId, limit: 0 }), 400, "BAD_OPTION"],
    ["a limit of 10⁹", field("limit", "1000000000"), 400, "BAD_OPTION"],
    ["a limit of NaN", field("limit", "NaN"), 400, "BAD_OPTION"],
    ["NaN in JSON", json('{"limit":NaN}'), 400, "BAD_REQUEST"],
    ["more results than candidates", field("candidateLimit", "1"), 400, "BAD_OPTION"],
    ["a radius larger than the code", field("hammingRadius", "4000"), 400, "BAD_OPTION"],
    ["an id that is no UUID", json({ id: "../../etc/passwd" }), 400, "BAD_OPTION"],
    ["an id that is not there", json({ id: unknownId }), 404, "INSTANCE_NOT_FOUND"],
    ["a filter that is not JSON", field("filter", "{modality: CT}"), 400, "BAD_FILTER"],
    ["a filter that is a list", json({ id: unknownId, filter: [] }), 400, "BAD_FILTER"],
    [
      "a filter over an unknown field",
      field("filter", '{"must":[{"key":"patientName","match":{"value":"x"}}]}'),
      400,
      "UNKNOWN_FIELD",
      "BAD_FILTER",
    ],
    ["a filter of an unknown kind", field("filter", '{"must":[{"key":"modality","looks":"good"}]}'), 400, "BAD_FILTER"],
    ["an unknown clause", field("filter", '{"maybe":[]}'), 400, "BAD_FILTER"],
    [
      "an embedding that is too short",
      json({ embedding: { hash: "AAAAAA==", features: "AAAAAA==" } }),
      400,
      "BAD_OPTION",
    ],
    [
      "an embedding with NaN",
      json({
        embedding: {
          hash: Buffer.from(new Float32Array(64).fill(Number.NaN).buffer).toString("base64"),
          features: Buffer.from(new Float32Array(256).buffer).toString("base64"),
        },
      }),
      400,
      "BAD_OPTION",
    ],
    ["an embedding that is not base64", json({ embedding: { hash: "§", features: "§" } }), 400, "BAD_OPTION"],
    ["an unknown JSON field", json({ id: unknownId, patient: "x" }), 400, "BAD_REQUEST"],
    ["JSON that is cut off", json('{"id":'), 400, "BAD_REQUEST"],
    ["a JSON list", json([]), 400, "BAD_REQUEST"],
    ["a megabyte of brackets", json(`{"filter":${"[".repeat(400_000)}${"]".repeat(400_000)}}`), 400, "BAD_REQUEST"],
    ["2 MB of JSON", json({ filter: { must: "x".repeat(2 * MEBIBYTE) } }), 413, "BODY_TOO_LARGE"],
    [
      "200 MB of JSON in 200 kB of gzip",
      () => postJson(gateway.url, gzippedJson(200), { "content-encoding": "gzip" }),
      413,
      "BODY_TOO_LARGE",
    ],
    ["gzip that is none", () => postJson(gateway.url, "{}", { "content-encoding": "gzip" }), 400, "BAD_REQUEST"],
    [
      "an unknown encoding",
      () => postJson(gateway.url, "{}", { "content-encoding": "compress" }),
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    [
      "a compressed form",
      async () => {
        const sound = new Response(await imageForm(image));
        const headers = { "content-type": sound.headers.get("content-type") ?? "", "content-encoding": "gzip" };
        return fetch(`${gateway.url}/v1/search`, { method: "POST", headers, body: await sound.arrayBuffer() });
      },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["text", typed("text/plain", "hello"), 415, "UNSUPPORTED_MEDIA_TYPE"],
    [
      "a form in a URL's encoding",
      typed("application/x-www-form-urlencoded", "limit=5"),
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["a form without a boundary", typed("multipart/form-data", "hello"), 400, "BAD_REQUEST"],
    [
      "a form that is cut off",
      typed(
        "multipart/form-data; boundary=b",
        '--b\r\ncontent-disposition: form-data; name="image"; filename="x"\r\n\r\nabc',
      ),
      400,
      "BAD_REQUEST",
    ],
    [
      "a form that is noise",
      typed("multipart/form-data; boundary=b", "\r\n\r\n--c--\r\n"),
      400,
      "BAD_REQUEST",
      "NO_QUERY",
    ],
    ["an instance whose id is no UUID", get("/v1/instances/1"), 400, "BAD_OPTION"],
    ["an instance that is not there", get(`/v1/instances/${unknownId}`), 404, "INSTANCE_NOT_FOUND"],
    ["a preview that is not there", get(`/v1/instances/${unknownId}/preview`), 404, "PREVIEW_NOT_FOUND"],
    ["a preview outside the catalogue", get("/v1/instances/..%2f..%2fsite.key/preview"), 400, "BAD_OPTION"],
    ["an address that cannot be decoded", get("/v1/instances/%E0%A4%A"), 400, "BAD_REQUEST"],
    ["facets of nothing", get("/v1/facets"), 400, "UNKNOWN_FIELD"],
    ["facets of an unknown field", get("/v1/facets?field=patientName"), 400, "UNKNOWN_FIELD"],
    ["facets of a field that has none", get("/v1/facets?field=sliceThickness"), 400, "BAD_OPTION"],
    ["facets with two limits", get("/v1/facets?field=modality&limit=1&limit=2"), 400, "BAD_OPTION"],
    ["facets with an unknown parameter", get("/v1/facets?field=modality&q=1"), 400, "BAD_REQUEST"],
    ["the wrong method for a search", get("/v1/search"), 405, "METHOD_NOT_ALLOWED"],
    ["the wrong method for an instance", method("DELETE", `/v1/instances/${unknownId}`), 405, "METHOD_NOT_ALLOWED"],
    ["a method that only other sites' pages use", method("OPTIONS", "/v1/search"), 405, "METHOD_NOT_ALLOWED"],
    ["an unknown path", get("/v2/search"), 404, "NOT_FOUND"],
    ["a path out of the page's folder", get("/..%2f..%2fpackage.json"), 404, "NOT_FOUND", "BAD_REQUEST"],
  ];
  for (const [what, ask, status, ...codes] of cases) {
    it(`with ${what}: ${status} ${codes[0]}`, async () => {
      await refusal(await ask(), status, ...codes);
    });
  }

  it("says which methods an address takes", async () => {
    assert.equal((await fetch(`${gateway.url}/v1/search`)).headers.get("allow"), "POST");
  });

  it("with a stated gigabyte: refused before any of it is sent", async () => {
    const headers = {
      "content-type": "multipart/form-data; boundary=b",
      "content-length": String(1024 * MEBIBYTE),
      expect: "100-continue",
    };
    const { status, body, sent } = await rawRequest(gateway.url, { headers, body: [] });
    assert.equal(status, 413, body);
    assert.match(body, /BODY_TOO_LARGE/);
    assert.equal(sent, 0);
  });

  it("with a gigabyte that is stated and sent all the same: answered early", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=b", "content-length": String(1024 * MEBIBYTE) };
    const { status, body, sent } = await rawRequest(gateway.url, { headers, body: endlessForm("b", 1023) });
    assert.equal(status, 413, body);
    assert.ok(sent < 256 * MEBIBYTE, `${sent} bytes were taken`);
  });

  it("with a gigabyte that comes without a length: cut off at the limit, in little memory", async () => {
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }, 5);
    const headers = { "content-type": "multipart/form-data; boundary=b", "transfer-encoding": "chunked" };
    const { status, body, sent } = await rawRequest(gateway.url, { headers, body: endlessForm("b", 1024) });
    clearInterval(watch);
    assert.equal(status, 413, body);
    assert.match(body, /BODY_TOO_LARGE/);
    assert.ok(sent < 256 * MEBIBYTE, `${sent} bytes were taken`);
    // The upload as it arrives, once more when it is joined, and what lies in sockets.
    assert.ok(peak < 6 * MAX_UPLOAD, `${peak} bytes were held`);
  });

  it("with a client that goes away in the middle of its upload", async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const block of endlessForm("b", 2)) controller.enqueue(block);
      },
    });
    const away = new AbortController();
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const sending = fetch(`${gateway.url}/v1/search`, {
      method: "POST",
      headers,
      body,
      signal: away.signal,
      duplex: "half",
    } as RequestInit);
    setTimeout(() => away.abort(), 100);
    await assert.rejects(sending, { name: "AbortError" });
  });
});
