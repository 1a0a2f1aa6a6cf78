/**
 * What was stored under a profile that lets more through, and what was deleted, leaves no byte in a purged data folder:
 * UIDs, dates, names of files and previews are looked for in its files.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DEIDENTIFICATION_PROFILES } from "../../encoder/index.js";
import { syntheticImages, writeImage } from "./cohort.js";
import { Workplace } from "./ingesting.js";

const { strict, hospital } = DEIDENTIFICATION_PROFILES;
const DAY = "19870613";

describe("purging a data folder", function () {
  this.timeout(120_000);
  let workplace: Workplace;
  before(async () => {
    workplace = await Workplace.open();
    await workplace.startAnew();
  });
  after(() => workplace.close());

  /** A line for each marker in each file. */
  async function found(markers: readonly (string | Buffer)[]): Promise<string[]> {
    const data = join(workplace.folder, "data");
    const entries = await readdir(data, { recursive: true, withFileTypes: true });
    const lines: string[] = [];
    for (const entry of entries.filter((one) => one.isFile())) {
      const file = join(entry.parentPath, entry.name);
      const bytes = await readFile(file);
      const held = markers.flatMap((marker, index) => (bytes.includes(marker) ? [`${file}: marker ${index}`] : []));
      lines.push(...held);
    }
    return lines;
  }

  it("leaves nothing of what another profile let through or this one takes back, and all that is stored", async () => {
    const images = join(workplace.folder, "images");
    const cohort = await syntheticImages({ patients: 1, slices: 1 });
    const paths: string[] = [];
    for (const [index, image] of cohort.entries()) {
      const burnedIn = index === 0 ? { BurnedInAnnotation: "YES" } : {};
      paths.push(await writeImage(images, image, { StudyDate: DAY, ...burnedIn }));
    }
    const [refused = "", kept = ""] = paths;
    await workplace.ingest(images, { profile: { ...hospital, pixels: "keep" } });
    const previewOf = async (path: string): Promise<Buffer> => {
      const [hit] = await workplace.search(path);
      return Buffer.from(workplace.catalogue.preview(hit?.id ?? "")?.subarray(60, 160) ?? assert.fail("no preview"));
    };
    const markers = [
      ...cohort.map(({ dataset }) => dataset.SOPInstanceUID),
      "1987-06-13",
      refused,
      await previewOf(refused),
      await previewOf(kept),
    ];

    await workplace.ingest(images, { profile: strict, previews: false });
    const before = await found(markers);
    // Of a few, one or the other may have been written over already.
    assert.ok(before.length > cohort.length, before.join("\n"));
    for (const place of [/data\.mdb/, /\/wal\//, /payload_storage/]) assert.match(before.join("\n"), place);
    const stored = await workplace.search(kept, 100);

    await workplace.catalogue.overwriteDeleted();
    await workplace.collection.overwriteDeleted();
    assert.deepEqual(await found(markers), []);
    assert.equal(stored.length, cohort.length - 1);
    assert.deepEqual(await workplace.search(kept, 100), stored, "the same images, ranked alike, each with its path");
    assert.equal((await workplace.ingest(images)).unchanged, stored.length);
  });
});
