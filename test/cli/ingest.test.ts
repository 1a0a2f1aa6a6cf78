/** Ingestion's decisions: copies, changed headers, other pixels, labels, pictures and archives. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import type { IngestSummary } from "../../cli/ingest/summary.js";
import { otherPixels, type SyntheticImage, syntheticImages, writeImage } from "./cohort.js";
import { newFolder, removeFolder } from "./dafh.js";
import { type IngestFlags, Workplace } from "./ingesting.js";
import { zipOf } from "./zip-writer.js";

describe("ingesting", function () {
  this.timeout(60_000);
  let cohort: SyntheticImage[];
  let workplace: Workplace;
  let folder: string;
  let images: string;
  const image = (place: number): SyntheticImage => {
    const found = cohort[place];
    assert.ok(found !== undefined);
    return found;
  };
  const ingest = (path: string, flags?: IngestFlags) => workplace.ingest(path, flags);
  const search = (path: string, limit?: number) => workplace.search(path, limit);
  const counts = ({ new: fresh, unchanged, updated, replaced, refused }: IngestSummary) => ({
    ...{ new: fresh, unchanged, updated, replaced },
    refused: refused.map(({ code }) => code),
  });

  before(async () => {
    cohort = await syntheticImages({ patients: 1, slices: 1 });
    workplace = await Workplace.open();
  });
  after(() => workplace.close());
  beforeEach(async () => {
    await workplace.startAnew();
    folder = await newFolder();
    images = join(folder, "images");
    await mkdir(images);
  });
  afterEach(() => removeFolder(folder));

  it("takes a copy for what it is, also within one run and under another name", async () => {
    const path = await writeImage(images, image(0));
    await copyFile(path, join(images, "copy.dcm"));
    assert.deepEqual(counts(await ingest(images)), { new: 1, unchanged: 1, updated: 0, replaced: 0, refused: [] });
    await rename(path, join(images, "renamed.dcm"));
    assert.deepEqual(counts(await ingest(images)), { new: 0, unchanged: 2, updated: 0, replaced: 0, refused: [] });
  });

  it("finds an image where it was moved to", async () => {
    const path = await writeImage(images, image(0));
    await ingest(images);
    const moved = join(images, "moved.dcm");
    await rename(path, moved);
    await ingest(images);
    assert.equal((await search(moved))[0]?.path, moved);
  });

  it("looks again at a file whose time changed, and finds it unchanged", async () => {
    const path = await writeImage(images, image(0));
    await ingest(images);
    await utimes(path, new Date(0), new Date(0));
    assert.deepEqual(counts(await ingest(images)), { new: 0, unchanged: 1, updated: 0, replaced: 0, refused: [] });
  });

  it("brings the header up to date where the pixels are the same", async () => {
    const path = await writeImage(images, image(0));
    await ingest(images);
    await writeImage(images, image(0), { BodyPartExamined: "PELVIS", Manufacturer: undefined });
    assert.deepEqual(counts(await ingest(images)), { new: 0, unchanged: 0, updated: 1, replaced: 0, refused: [] });
    const [first] = await search(path);
    assert.equal(first?.payload.bodyPartExamined, "PELVIS");
    assert.equal(first?.payload.manufacturer, undefined);
  });

  it("refuses other pixels under a stored SOP Instance UID until it is told to replace them", async () => {
    await writeImage(images, image(0));
    await ingest(images);
    const other = join(folder, "other");
    const path = await writeImage(other, image(0), otherPixels(image(0)));
    const refused = await ingest(other);
    assert.deepEqual(counts(refused), {
      new: 0,
      unchanged: 0,
      updated: 0,
      replaced: 0,
      refused: ["SOP_INSTANCE_CONFLICT"],
    });
    assert.equal(refused.refused[0]?.path, path);

    assert.deepEqual(counts(await ingest(other, { replace: true })), {
      new: 0,
      unchanged: 0,
      updated: 0,
      replaced: 1,
      refused: [],
    });
    assert.equal((await search(path))[0]?.path, path);
    // The first file's record does not hide that its pixels are no longer there.
    assert.deepEqual(counts(await ingest(images)).refused, ["SOP_INSTANCE_CONFLICT"]);
  });

  it("refuses other pixels within one run: the first in order stays", async () => {
    const first = await writeImage(join(images, "1"), image(0));
    await writeImage(join(images, "2"), image(0), otherPixels(image(0)));
    const result = await ingest(images);
    assert.deepEqual(counts(result), {
      new: 1,
      unchanged: 0,
      updated: 0,
      replaced: 0,
      refused: ["SOP_INSTANCE_CONFLICT"],
    });
    const [best] = await search(first);
    assert.deepEqual([best?.path, best?.hammingDistance], [first, 0]);
  });

  it("leaves no frame behind of what it replaces", async () => {
    const { dataset } = image(0);
    const size = dataset.PixelData.byteLength;
    const frames = new Uint8Array(size * 3);
    for (const place of [0, 1, 2]) frames.set(new Uint8Array(dataset.PixelData), place * size);
    const path = await writeImage(images, image(0), { NumberOfFrames: 3, PixelData: frames.buffer });
    assert.equal((await ingest(images)).frames, 3);
    const ids = (await search(path)).map(({ id }) => id);
    assert.deepEqual(
      ids.map((id) => workplace.catalogue.hasPreview(id)),
      [true, true, true],
    );
    await writeImage(images, image(0), otherPixels(image(0)));
    assert.deepEqual(counts(await ingest(images, { replace: true, previews: false })), {
      new: 0,
      unchanged: 0,
      updated: 0,
      replaced: 1,
      refused: [],
    });
    assert.equal((await search(path)).length, 1);
    assert.deepEqual(
      ids.map((id) => workplace.catalogue.hasPreview(id)),
      [false, false, false],
      "no preview is left of pixels that are gone",
    );
  });

  it("leaves out frames of one value, and counts them on every run", async () => {
    const { dataset } = image(0);
    const size = dataset.PixelData.byteLength;
    const frames = new Uint8Array(size * 3);
    for (const place of [0, 2]) frames.set(new Uint8Array(dataset.PixelData), place * size);
    await writeImage(images, image(0), { NumberOfFrames: 3, PixelData: frames.buffer });
    for (const kind of ["new", "unchanged"] as const) {
      const summary = await ingest(images);
      assert.deepEqual([summary[kind], summary.frames, summary.constantFrames], [1, 2, 1]);
    }
  });

  describe("with a labels manifest", () => {
    const manifest = async (...lines: string[]) => {
      const path = join(folder, "labels.csv");
      await writeFile(path, lines.join("\n"));
      return path;
    };
    const picture = (name: string, grey: number) =>
      sharp({ create: { width: 96, height: 96, channels: 3, background: { r: grey, g: grey, b: grey } } })
        .composite([
          { input: Buffer.from(`<svg><circle cx="48" cy="48" r="${20 + (grey % 20)}" fill="white"/></svg>`) },
        ])
        .png()
        .toFile(join(images, name));

    it("labels images, also such as are stored already, and keeps labels that a later run does not name", async () => {
      const one = await writeImage(images, image(0));
      const two = await writeImage(images, image(1));
      await ingest(images);
      const labels = await manifest(
        "path,label",
        `images/${image(0).path},lesion`,
        `${two},healthy`,
        "images/gone.dcm,x",
      );
      const labelled = await ingest(images, { labels });
      assert.deepEqual(counts(labelled), { new: 0, unchanged: 0, updated: 2, replaced: 0, refused: [] });
      assert.equal(labelled.labelsUnmet, 1);
      assert.equal((await search(one))[0]?.payload.label, "lesion");

      await writeImage(images, image(0), { BodyPartExamined: "PELVIS" });
      await ingest(images);
      const [first] = await search(one);
      assert.deepEqual([first?.payload.bodyPartExamined, first?.payload.label], ["PELVIS", "lesion"]);
      assert.equal((await search(two, 1))[0]?.payload.label, "healthy");
    });

    it("takes the pictures it names, with what it says of them, and no others", async () => {
      await picture("named.png", 40);
      await picture("stray.png", 90);
      const labels = await manifest("path,modality,body_part,label,group", "named.png,mr,brain,glioma,case 7");
      const result = await ingest(images, { labels });
      assert.deepEqual(counts(result), { new: 1, unchanged: 0, updated: 0, replaced: 0, refused: ["NOT_DICOM"] });
      assert.match(result.refused[0]?.message ?? "", /--labels/);
      const [first] = await search(join(images, "named.png"));
      assert.equal(first?.payload.modality, "MR");
      assert.equal(first?.payload.bodyPartExamined, "BRAIN");
      assert.equal(first?.payload.label, "glioma");
      assert.match(String(first?.payload.patientKey), /^[0-9a-f]{32}$/);
      assert.ok(!JSON.stringify(first?.payload).includes("case 7"));
      assert.deepEqual(counts(await ingest(images, { labels })).refused, ["NOT_DICOM"]);
    });

    it("corrects what an earlier manifest said wrongly of a picture", async () => {
      await picture("named.png", 40);
      const path = join(images, "named.png");
      await ingest(images, { labels: await manifest("path,modality,label", "named.png,MR,glioma") });
      const corrected = { labels: await manifest("path,modality,label", "named.png,CT,glioma") };
      assert.equal((await ingest(images, corrected)).updated, 1);
      assert.equal((await search(path))[0]?.payload.modality, "CT");
      assert.equal((await ingest(images, corrected)).unchanged, 1);
    });

    it("refuses a file whose bytes are not those that it states", async () => {
      const path = await writeImage(images, image(0));
      const right = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      const wrong = right.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
      const stated = (sha256: string) => manifest("path,label,sha256", `${path},a,${sha256}`);
      assert.deepEqual(counts(await ingest(images, { labels: await stated(wrong) })).refused, ["DIGEST_MISMATCH"]);
      assert.equal((await ingest(images, { labels: await stated(right) })).new, 1);
      assert.deepEqual(counts(await ingest(images, { labels: await stated(wrong) })).refused, ["DIGEST_MISMATCH"]);
    });
  });

  it("takes the images of a zip and knows them again", async () => {
    const paths = await Promise.all([image(0), image(1)].map((one) => writeImage(images, one)));
    const zip = join(folder, "study.zip");
    const items = await Promise.all(
      paths.map(async (path, index) => ({ name: `series/${index}.dcm`, content: await readFile(path) })),
    );
    await writeFile(zip, zipOf([...items, { name: "readme.txt", content: Buffer.from("no image") }]));
    assert.deepEqual(counts(await ingest(zip)), {
      new: 2,
      unchanged: 0,
      updated: 0,
      replaced: 0,
      refused: ["NOT_DICOM"],
    });
    assert.deepEqual(counts(await ingest(zip)), {
      new: 0,
      unchanged: 2,
      updated: 0,
      replaced: 0,
      refused: ["NOT_DICOM"],
    });
    assert.equal((await search(paths[0] ?? ""))[0]?.path, `${zip}!/series/0.dcm`);
  });

  it("keeps previews unless it is told not to", async () => {
    // Images that no other test here has put into the catalogue.
    await writeImage(images, image(8));
    await writeImage(join(folder, "more"), image(7));
    await ingest(images, { previews: false });
    await ingest(join(folder, "more"));
    const [without] = await search(join(images, image(8).path), 1);
    const [withOne] = await search(join(folder, "more", image(7).path), 1);
    assert.equal(workplace.catalogue.hasPreview(without?.id ?? ""), false);
    const preview = workplace.catalogue.preview(withOne?.id ?? "");
    assert.deepEqual([...(preview?.subarray(1, 4) ?? [])], [...Buffer.from("PNG")]);
  });

  it("removes nothing it was not told about", async () => {
    const path = await writeImage(images, image(0));
    await ingest(images);
    await rm(path);
    const kept = await writeImage(join(folder, "kept"), image(0));
    assert.equal((await search(kept))[0]?.hammingDistance, 0);
  });
});
