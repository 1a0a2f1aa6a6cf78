/**
 * The adversary's test of the whole product: files with markers in everything that the strict profile takes out are
 * ingested with previews, searched, served and uploaded; whole, damaged and refused. Not one is in the data folder, nor
 * in anything printed, logged, counted or answered. File names have theirs: the one way back, which stays on this machine.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCatalogue } from "../../catalogue/index.js";
import { PAYLOAD_FIELDS } from "../../schemas/index.js";
import { markersIn, type Planted, plantedFile, SCRIPTS, sequence, text } from "../encoder/deidentify/planted-file.js";
import { everywhere, hostileMeta, type Plant, Planter } from "../encoder/deidentify/planting.js";
import {
  dafh,
  dafhJson,
  type IngestDocument,
  newFolder,
  removeFolder,
  type SearchDocument,
  startDafh,
} from "./dafh.js";

/** In names of files and folders only. */
const NAME_MARKER = "999999999";
const NAMED = `MK${NAME_MARKER}Q`;
const SCREEN_CLASS = "1.2.840.10008.5.1.4.1.1.7";

interface PlantedImage {
  readonly name: string;
  readonly elements: readonly Planted[];
  readonly file: Buffer;
  readonly plants: readonly Plant[];
}

/** One in each character set, and one with implicit VR. */
function plantedImages(): PlantedImage[] {
  const forms = [...SCRIPTS.map((script) => ({ script, explicitVr: true })), { script: SCRIPTS[0], explicitVr: false }];
  return forms.flatMap(({ script, explicitVr }, index) => {
    if (script === undefined) return [];
    const planter = new Planter(script, 100_000_000 + index * 1_000_000);
    const elements = everywhere(planter, script.characterSet, explicitVr);
    const file = plantedFile(elements, {
      explicitVr,
      preamble: planter.raw("preamble", 128),
      meta: hostileMeta(planter),
      trailer: planter.raw("behind the dataset"),
    });
    return [{ name: `${NAMED} ${index}.dcm`, elements, file: Buffer.from(file), plants: planter.plants }];
  });
}

/** Refused, each for another reason, and one of them only after it was encoded. */
function refusedImages(elements: readonly Planted[]): Map<string, Uint8Array> {
  const with_ = (...changes: Planted[]): Uint8Array => {
    const tags = new Set(changes.map(({ tag }) => tag));
    return plantedFile([...elements.filter(({ tag }) => !tags.has(tag)), ...changes]);
  };
  const otherPixels = { tag: 0x7fe00010, vr: "OW", value: Buffer.from([9, 0, 8, 0, 7, 0, 6, 0]) };
  return new Map([
    ["burned in.dcm", with_(text(0x00280301, "CS", "YES"))],
    ["screen.dcm", with_(text(0x00080016, "UI", SCREEN_CLASS))],
    ["no size.dcm", with_(text(0x00280010, "US", "MK"))],
    ["sequence.dcm", with_(sequence(0x00280011, [text(0x00100010, "PN", "MK100000001Q")]))],
    // Named to be found last: the UID is stored by then.
    ["z other pixels.dcm", with_(otherPixels)],
  ]);
}

/** Says which plants are in some bytes. Values that are short or common (ages, times of day) cannot be told apart. */
function searchFor(plants: readonly Plant[]) {
  const digits = new Set([NAME_MARKER, ...plants.flatMap((plant) => plant.digits ?? [])]);
  const literals = new Set<string>();
  for (const { literal, vr } of plants) {
    if (literal === undefined || literal.length < 8) continue;
    literals.add(literal);
    // As the payload would have it.
    if (vr === "DA") literals.add(literal.replace(/(....)(..)(..)/, "$1-$2-$3T00:00:00"));
  }
  return (data: Uint8Array | string): string[] => {
    const bytes = Buffer.from(data);
    const all = bytes.toString("latin1");
    // Digits of UTF-16 have zeros between them.
    const runs = [all, all.replaceAll("\0", "")].flatMap(
      (one) => one.match(/[0-9.]{8,}|\d{4}-\d\d-\d\dT00:00:00/g) ?? [],
    );
    return [
      ...[...markersIn(bytes)].filter((marker) => digits.has(marker)),
      ...runs.map((run) => run.replace(/^\.+|\.+$/g, "")).filter((run) => literals.has(run)),
    ];
  };
}

/** A file without the pages of zeros that databases set aside. */
async function writtenPages(file: string): Promise<Buffer> {
  const bytes = await readFile(file);
  const pages = Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, page) =>
    bytes.subarray(page * 4096, (page + 1) * 4096),
  );
  return Buffer.concat(pages.filter((page) => page.some((byte) => byte !== 0)));
}

describe("ingestion and search against an adversary", function () {
  this.timeout(240_000);
  const images = plantedImages();
  const found = searchFor(images.flatMap(({ plants }) => plants));
  let folder: string;
  let place: string;
  let data: string;
  let query: string;

  const assertNone = (what: string, said: Uint8Array | string): void => {
    assert.deepEqual([...new Set(found(said))].slice(0, 5), [], what);
  };
  /** The command line names files by their paths. */
  const assertNoneButPaths = (what: string, said: string): void => assertNone(what, said.replaceAll(NAMED, ""));

  async function assertNothingKept(): Promise<void> {
    const entries = await readdir(data, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.some((file) => file.includes("/wal/")) && files.some((file) => file.endsWith("data.mdb")));
    for (const file of files) {
      const bytes = (await writtenPages(file)).toString("latin1");
      const searched = file.startsWith(join(data, "catalogue")) ? bytes.replaceAll(NAMED, "") : bytes;
      assertNone(file, Buffer.from(searched, "latin1"));
    }
  }

  before(async () => {
    folder = await newFolder();
    [place, data] = [join(folder, NAMED), join(folder, "data")];
    await mkdir(place);
    const [first] = images;
    assert.ok(first !== undefined);
    query = join(place, first.name);
    for (const { name, file } of images) await writeFile(join(place, name), file);
    for (const [name, file] of refusedImages(first.elements)) await writeFile(join(place, name), file);
    for (let part = 0; part < 16; part++) {
      const length = Math.floor((first.file.length * (part + 0.37)) / 16);
      await writeFile(join(place, `cut ${part}.dcm`), first.file.subarray(0, length));
    }
    await writeFile(join(place, "notes.txt"), first.plants.map(({ literal, digits }) => literal ?? digits).join(" "));
  });
  after(() => removeFolder(folder));

  it("finds what it planted, in every file", () => {
    for (const { file, plants } of images) {
      const seen = new Set(found(file));
      const own = plants.flatMap(({ digits }) => digits ?? []);
      assert.ok(own.length > 1_500);
      assert.deepEqual(own.filter((marker) => !seen.has(marker)).slice(0, 5), []);
      assert.ok(seen.size > own.length + 300, "dates, UIDs and numbers as well");
    }
  });

  it("reads no marker where files are taken, refused, damaged or in conflict", async () => {
    const { document, stdout, stderr, code } = await dafhJson<IngestDocument>(["ingest", place, "--data", data]);
    assert.equal(code, 3, stderr);
    assert.deepEqual([document.new, document.profile], [images.length, "strict"], stdout);
    const refusedAs = (name: string) => document.refused.find(({ path }) => path.endsWith(name))?.code;
    assert.equal(refusedAs("burned in.dcm"), "BURNED_IN_TEXT");
    assert.equal(refusedAs("screen.dcm"), "UNSUPPORTED_SOP_CLASS");
    assert.equal(refusedAs("z other pixels.dcm"), "SOP_INSTANCE_CONFLICT");
    assert.equal(document.files, images.length + document.refused.length);
    assert.equal(document.refused.length, 5 + 16 + 1);
    assertNoneButPaths("ingest --json", stdout + stderr);
    for (const { message } of document.refused) assertNone("a message", message);
    const again = await dafh(["ingest", place, "--data", data]);
    assert.match(again.stdout, new RegExp(`${images.length} unchanged`));
    assertNoneButPaths("ingest for people", again.stdout + again.stderr);
    await assertNothingKept();
  });

  it("reads no marker in what search tells, but the paths, which are the way back", async () => {
    const { document, stdout, stderr } = await dafhJson<SearchDocument>(["search", query, "--data", data]);
    assertNoneButPaths("search --json", stdout + stderr);
    assert.equal(document.results.length, images.length);
    // Decoded by the engine, whatever it compresses on disk.
    for (const { id, payload } of document.results) {
      assertNone(id, JSON.stringify(payload));
      for (const field of ["studyDate", "patientSex", "patientAgeYears"]) assert.ok(!(field in payload), field);
      for (const field of ["sopInstanceUid", "seriesInstanceUid", "studyInstanceUid", "frameOfReferenceUid"]) {
        assert.match(String(payload[field]), /^2\.25\./, field);
      }
    }
    const catalogue = openCatalogue({ dataDir: data });
    for (const { id, path } of document.results) {
      assert.ok(path?.startsWith(place), "the way back is on this machine");
      assert.equal(catalogue.path(id)?.path, path);
    }
    await catalogue.close();
    const itself = document.results.find(({ path }) => path === query);
    assert.equal(document.query.sopInstanceUid, itself?.sopInstanceUid, "the query is told of as what is stored");
    const failed = await dafh(["search", join(place, "cut 7.dcm"), "--data", data]);
    assert.equal(failed.code, 1);
    assertNoneButPaths("a search that fails", failed.stdout + failed.stderr);
  });

  it("reads no marker in the gateway's answers, errors, log or metrics, not even of a name", async () => {
    const gateway = startDafh(["serve", "--data", data, "--port", "0", "--json"]);
    try {
      const { url } = JSON.parse(await gateway.firstLine) as { url: string };
      const ask = async (path: string, init?: RequestInit) => {
        const response = await fetch(`${url}${path}`, init);
        const body = Buffer.from(await response.arrayBuffer());
        assertNone(`${path}: headers`, [...response.headers].join("\n"));
        assertNone(path, body);
        return { status: response.status, body };
      };
      const upload = async (name: string) => {
        const form = new FormData();
        form.append("queryPreview", "true");
        form.append("image", new Blob([await readFile(join(place, name))]), `${NAMED} ${name}`);
        const { status, body } = await ask("/v1/search", { method: "POST", body: form });
        return { status, answer: JSON.parse(body.toString("utf8")) };
      };
      for (const { name } of images) {
        const { status, answer } = await upload(name);
        assert.equal(status, 200, JSON.stringify(answer));
        assert.match(answer.query.attributes.sopInstanceUid, /^2\.25\./);
        assert.match(answer.query.preview, /^data:image\/png/);
        assert.equal(answer.results.length, images.length);
        const [hit] = answer.results;
        await ask(`/v1/instances/${hit.id}`);
        assert.equal((await ask(`/v1/instances/${hit.id}/preview`)).status, 200);
      }
      for (const name of (await readdir(place)).filter((file) => /^(?:cut|no|seq)/.test(file))) {
        assert.ok((await upload(name)).status >= 400, name);
      }
      const burned = await upload("burned in.dcm");
      assert.equal(burned.status, 200);
      assert.equal(burned.answer.query.preview, undefined, "a picture that may show a name is not handed out");
      for (const field of Object.keys(PAYLOAD_FIELDS)) await ask(`/v1/facets?field=${field}`);
      for (const path of ["/metrics", "/readyz", `/v1/instances/${NAMED}`, `/${NAMED}`]) await ask(path);
    } finally {
      gateway.child.kill("SIGTERM");
    }
    const { stdout, stderr } = await gateway.ended;
    assert.match(stderr, /"route":"search"/);
    assertNone("the log", stdout + stderr);
    await assertNothingKept();
  });
});
