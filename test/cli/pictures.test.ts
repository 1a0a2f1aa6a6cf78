/**
 * PNG and JPEG pictures named in a manifest: text in their pixels is a reason to refuse them as it is for DICOM, and
 * nothing of their metadata (EXIF, XMP, ICC, text chunks, comments) reaches what is stored, printed or logged.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import type { IngestSummary } from "../../cli/ingest/summary.js";
import { DEIDENTIFICATION_PROFILES } from "../../encoder/index.js";
import { drawText } from "../encoder/pixels/letters.js";
import { dafh, dafhJson, type IngestDocument, newFolder, removeFolder } from "./dafh.js";
import { type IngestFlags, Workplace } from "./ingesting.js";

const { strict } = DEIDENTIFICATION_PROFILES;
const SIDE = 128;
const MARKER = /MK\d+Q/g;

/** A bright disc, and a name beside it where there is one. */
function picture(text: string, radius = 30) {
  const values = Uint8Array.from({ length: SIDE * SIDE }, (_, index) => {
    const [x, y] = [(index % SIDE) - SIDE / 2, Math.floor(index / SIDE) - SIDE / 2];
    return Math.hypot(x, y) > radius ? 5 : 120 + ((x * y) % 60);
  });
  drawText(values, SIDE, { text, left: 6, top: 6, scale: 1, grey: 255 });
  return sharp(values, { raw: { width: SIDE, height: SIDE, channels: 1 } });
}

describe("pictures with text burned in", function () {
  this.timeout(60_000);
  let workplace: Workplace;
  let images: string;
  before(async () => {
    workplace = await Workplace.open();
    images = join(workplace.folder, "images");
  });
  after(() => workplace.close());
  beforeEach(async () => {
    await workplace.startAnew();
    await rm(images, { recursive: true, force: true });
    await mkdir(images);
    await picture("DOEJANE").png().toFile(join(images, "named.png"));
    await picture("").png().toFile(join(images, "clean.png"));
  });

  async function ingest(rows: readonly string[], flags: IngestFlags = {}): Promise<IngestSummary> {
    const labels = join(workplace.folder, "labels.csv");
    await writeFile(labels, ["path,label,modality,burned_in_annotation", ...rows].join("\n"));
    return workplace.ingest(images, { labels, ...flags });
  }
  const refusals = ({ refused }: IngestSummary) => refused.map(({ path, code }) => [path.split("/").pop(), code]);

  it("are refused where the manifest says nothing, and taken with --pixels keep", async () => {
    const rows = ["named.png,x,CT,", "clean.png,x,CT,"];
    const first = await ingest(rows);
    assert.deepEqual([refusals(first), first.new], [[["named.png", "BURNED_IN_TEXT"]], 1]);
    assert.deepEqual(refusals(await ingest(rows, { profile: { ...strict, pixels: "mask" } })), [
      ["named.png", "BURNED_IN_TEXT"],
    ]);
    assert.equal((await ingest(rows, { profile: { ...strict, pixels: "keep" } })).instances, 2);
    // Tightened again: it is taken back, with its preview.
    const [hit] = await workplace.search(join(images, "named.png"));
    assert.ok(hit !== undefined);
    assert.ok(hit.path?.endsWith("named.png"));
    assert.ok(workplace.catalogue.hasPreview(hit.id));
    assert.equal((await ingest(rows)).refused.length, 1);
    assert.equal(await workplace.collection.count(), 1);
    assert.ok(!workplace.catalogue.hasPreview(hit.id));
  });

  it("are what the manifest says of them: YES refuses, also what is stored, and NO takes", async () => {
    const first = await ingest(["named.png,x,CT,NO", "clean.png,x,CT,no"]);
    assert.deepEqual([refusals(first), first.new], [[], 2]);
    const second = await ingest(["named.png,x,CT,NO", "clean.png,x,CT,yes"]);
    assert.deepEqual([refusals(second), second.unchanged], [[["clean.png", "BURNED_IN_TEXT"]], 1]);
    assert.equal(await workplace.collection.count(), 1);
    await assert.rejects(ingest(["named.png,x,CT,maybe"]), { code: "BAD_OPTION", message: /line 2/ });
  });
});

describe("metadata of pictures", function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await newFolder();
  });
  after(() => removeFolder(folder));

  it("reach neither data folder, output nor messages, where pictures are whole, cut off or damaged", async () => {
    const place = join(folder, "images");
    await mkdir(place);
    const whole = await plantedPictures();
    const files = new Map<string, Buffer>();
    for (const [name, file] of whole) {
      assert.ok((file.toString("latin1").match(MARKER) ?? []).length > 3, "they are planted");
      files.set(name, file);
      for (const part of [1, 4, 8, 11]) {
        files.set(`cut ${part} ${name}`, file.subarray(0, (file.length * part) / 12));
        const damaged = Buffer.from(file);
        // Lengths, checksums, profiles' own headers: whatever a decoder might quote in its complaint.
        for (let at = 20 + part; at < damaged.length; at += 97) damaged[at] = 0xff - (damaged[at] ?? 0);
        files.set(`damaged ${part} ${name}`, damaged);
      }
    }
    for (const [name, file] of files) await writeFile(join(place, name), file);
    const labels = join(folder, "labels.csv");
    await writeFile(labels, ["path,label", ...[...files.keys()].map((name) => `images/${name},x`)].join("\n"));
    const data = join(folder, "data");
    const { document, stdout, stderr } = await dafhJson<IngestDocument>([
      ...["ingest", place, "--labels", labels, "--data", data],
    ]);
    assert.ok(document.instances >= whole.size && document.refused.length > whole.size, stdout);
    const said = [stdout, stderr];
    for (const name of ["b.jpg", "cut 4 a.png"]) {
      const { stdout, stderr } = await dafh(["search", join(place, name), "--data", data, "--json"]);
      said.push(stdout, stderr);
    }
    assert.deepEqual(said.join("\n").match(MARKER), null);
    const entries = await readdir(data, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const bytes = await readFile(join(entry.parentPath, entry.name));
      assert.deepEqual(bytes.toString("latin1").match(MARKER), null, entry.name);
    }
  });
});

/** A PNG and a JPEG with a marker of its own in each kind of metadata that they have. */
async function plantedPictures(): Promise<ReadonlyMap<string, Buffer>> {
  let number = 1_000_000;
  const marker = (): string => `MK${number++}Q`;
  const exif = { IFD0: { ImageDescription: marker(), Artist: marker(), Copyright: marker() } };
  const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><note>${marker()}</note></x:xmpmeta>`;
  const png = await picture("", 25).withExif(exif).withXmp(xmp).png().toBuffer();
  const jpeg = await picture("", 35).withExif(exif).withXmp(xmp).jpeg().toBuffer();
  // Behind PNG's signature and header; an embedded profile's name is what libpng quotes in a complaint about it.
  const chunks = [
    pngChunk("tEXt", `Author\0${marker()}`),
    pngChunk("zTXt", `${marker()}\0\0not deflated`),
    pngChunk("iTXt", `Title\0\0\0\0\0${marker()}`),
    pngChunk("iCCP", `${marker()}\0\0not a profile`),
    pngChunk("meTa", marker()),
  ];
  const comments = [
    jpegSegment(0xfe, marker()),
    jpegSegment(0xed, `Photoshop 3.0\0${marker()}`),
    jpegSegment(0xef, marker()),
  ];
  return new Map([
    ["a.png", Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)])],
    ["b.jpg", Buffer.concat([jpeg.subarray(0, 2), ...comments, jpeg.subarray(2)])],
  ]);
}

function pngChunk(type: string, data: string): Buffer {
  const body = Buffer.from(type + data, "latin1");
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function jpegSegment(code: number, data: string): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, Buffer.from(data, "latin1")]);
}
