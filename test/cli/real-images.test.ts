/**
 * The whole of the real DICOM test data, the hostile files among it: one ingestion, then its own images as queries.
 * Skipped where the data (DAFH_TEST_DATA, or ../shared/data beside the package) is missing.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCatalogue } from "../../catalogue/index.js";
import { openEncoder } from "../../encoder/index.js";
import { DafhCollection, type StoredInstance } from "../../plugin/index.js";
import { type Encoder, ERRORS, type ErrorCode } from "../../schemas/index.js";
import { dafhJson, type IngestDocument, newFolder, removeFolder, type SearchDocument } from "./dafh.js";
import { seeded } from "./seeded.js";

const TEST_DATA = process.env.DAFH_TEST_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const DICOM = join(TEST_DATA, "dicom");
const QUERIES = 50;
const SEED = 7;

interface Query {
  readonly path: string;
  readonly frame: number;
  readonly stored: StoredInstance;
}

describe(`real DICOM files${existsSync(DICOM) ? "" : " (skipped: no test data)"}`, function () {
  this.timeout(300_000);
  let folder: string;
  let data: string;
  let ingested: IngestDocument & { readonly exitCode: number | null };
  let encoder: Encoder;
  let collection: DafhCollection;
  let queries: Query[];

  before(async function () {
    if (!existsSync(DICOM)) this.skip();
    folder = await newFolder();
    data = join(folder, "data");
    const { document, code } = await dafhJson<IngestDocument>(["ingest", DICOM, "--data", data, "--quiet"]);
    ingested = { ...document, exitCode: code };
    encoder = await openEncoder();
    const { model } = await encoder.info();
    collection = await DafhCollection.open({ connection: { dataDir: data }, model });
    queries = await chosenQueries();
  });
  after(async () => {
    await collection?.close();
    await encoder?.close();
    if (folder !== undefined) await removeFolder(folder);
  });

  /** Stored frames chosen by a seeded draw over the ids of all accepted files. */
  async function chosenQueries(): Promise<Query[]> {
    const catalogue = openCatalogue({ dataDir: data });
    const names = await readdir(DICOM, { recursive: true });
    const ids = names.sort().flatMap((name) => catalogue.file(join(DICOM, name))?.frames.map(({ id }) => id) ?? []);
    const unique = [...new Set(ids)];
    const random = seeded(SEED);
    const chosen = Array.from(
      { length: QUERIES },
      () => unique.splice(Math.floor(random() * unique.length), 1)[0] ?? "",
    );
    const found = await collection.fetch(chosen);
    const places = found.map((stored): Query => {
      const place = catalogue.path(stored.id);
      assert.ok(place !== undefined, "every stored frame has its path");
      return { ...place, stored };
    });
    await catalogue.close();
    return places;
  }

  it("are ingested whole: each is stored or refused by name with a code of the table", () => {
    assert.equal(ingested.exitCode, 3);
    assert.equal(ingested.files, ingested.instances + ingested.refused.length);
    assert.ok(ingested.instances > 600, `${ingested.instances} stored`);
    for (const { path, code, message } of ingested.refused) {
      assert.ok(path.startsWith(DICOM) && message.length > 0);
      assert.ok(code in ERRORS && ERRORS[code as ErrorCode].kind !== "internal", `${path}: ${code}`);
      assert.notEqual(code, "DECODER_CRASHED", path);
    }
  });

  it("that are hostile end in the code that says what is wrong with them", () => {
    const codes = new Map(ingested.refused.map(({ path, code }) => [path.slice(DICOM.length + 1), code]));
    const expected = {
      "_hard/derived__zero_length.dcm": "FILE_EMPTY",
      "_hard/derived__text_as_dcm.dcm": "NOT_DICOM",
      "_hard/derived__constant_image.dcm": "IMAGE_CONSTANT",
      "_hard/derived__huge_frames.dcm": "TOO_MANY_FRAMES",
      "_hard/derived__no_pixeldata.dcm": "NO_PIXEL_DATA",
      "_hard/derived__unknown_transfer_syntax.dcm": "UNSUPPORTED_TRANSFER_SYNTAX",
      "_hard/derived__same_sop_uid_other_pixels.dcm": "SOP_INSTANCE_CONFLICT",
      "_hard/pydicom__DICOMDIR": "DICOMDIR",
    };
    for (const [path, code] of Object.entries(expected)) assert.equal(codes.get(path), code, path);
  });

  it(`find themselves, or an exact duplicate, at Hamming distance 0 at rank 1 (${QUERIES} of them)`, async () => {
    assert.equal(queries.length, QUERIES);
    for (const { path, frame, stored } of queries) {
      const { frames } = await encoder.encode({ path }, { frames: [frame] });
      const [encoded] = frames;
      assert.ok(encoded !== undefined);
      const { hits } = await collection.search({ query: { embedding: encoded.embedding } });
      const [best] = hits;
      assert.equal(best?.hammingDistance, 0, path);
      assert.ok(best.id === stored.id || best.payload.pixelDigest === encoded.pixelDigest, `${path} frame ${frame}`);
    }
  });

  it("give results of their own modality alone when it is asked for", async () => {
    for (const { path, frame, stored } of queries) {
      const modality = stored.payload.modality ?? "";
      const { frames } = await encoder.encode({ path }, { frames: [frame] });
      const [encoded] = frames;
      assert.ok(encoded !== undefined);
      const { hits } = await collection.search({
        query: { embedding: encoded.embedding },
        modality: [modality],
        limit: 100,
      });
      assert.ok(hits.length > 0);
      assert.deepEqual([...new Set(hits.map(({ payload }) => payload.modality))], [modality], path);
    }
  });

  it("do so on the command line as well", async () => {
    for (const modality of ["CT", "MR", "PT"]) {
      const query = queries.find(({ stored }) => stored.payload.modality === modality);
      assert.ok(query !== undefined, `the draw has a ${modality} image`);
      const args = ["search", query.path, "--frame", String(query.frame), "--data", data, "--modality", modality];
      const { code, document } = await dafhJson<SearchDocument>(args);
      assert.equal(code, 0);
      assert.equal(document.results[0]?.hammingDistance, 0);
      assert.deepEqual([...new Set(document.results.map((result) => result.modality))], [modality]);
    }
  });

  it("are all known when they are ingested again", async () => {
    const { document } = await dafhJson<IngestDocument>(["ingest", DICOM, "--data", data, "--quiet"]);
    assert.deepEqual([document.new, document.updated, document.unchanged], [0, 0, ingested.instances]);
    assert.deepEqual(document.refusedByCode, ingested.refusedByCode);
  });
});
