/** What a de-identification profile makes of what ingestion stores, and what becomes of it under another one. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { openCatalogue } from "../../catalogue/index.js";
import { DEIDENTIFICATION_PROFILES, deidentify } from "../../encoder/index.js";
import { pointId } from "../../plugin/index.js";
import type { InstancePayload } from "../../schemas/index.js";
import { type SyntheticImage, syntheticImages, writeImage } from "./cohort.js";
import { type IngestFlags, Workplace } from "./ingesting.js";

const { strict, research, hospital } = DEIDENTIFICATION_PROFILES;
const DAY_MS = 86_400_000;
/** Days of the studies of two patients; the first patient has two. */
const STUDIES = [
  { patient: "A", day: "20200101" },
  { patient: "A", day: "20200229" },
  { patient: "B", day: "20200101" },
] as const;

describe("the profile of an ingestion", function () {
  this.timeout(60_000);
  let workplace: Workplace;
  let images: string;
  let cohort: SyntheticImage[];

  before(async () => {
    workplace = await Workplace.open();
    await workplace.startAnew();
    cohort = (await syntheticImages({ patients: 1, slices: 1 })).slice(0, STUDIES.length);
  });
  after(() => workplace.close());
  /** Much quicker than a new collection. */
  const emptied = () =>
    workplace.collection.delete({ filter: { must_not: [{ key: "profile", match: { value: "none" } }] } });
  beforeEach(async () => {
    await emptied();
    images = join(workplace.folder, "images");
    await rm(images, { recursive: true, force: true });
    await mkdir(images);
  });

  const studyUid = (index: number): string => `1.2.826.0.1.3680043.8.498.${index + 1}`;
  const ages = { PatientAge: "044Y", PatientSex: "F" };

  async function writeStudies(): Promise<string[]> {
    return Promise.all(
      STUDIES.map(({ patient, day }, index) => {
        const image = cohort[index];
        assert.ok(image !== undefined);
        const changes = { PatientID: patient, StudyDate: day, StudyInstanceUID: studyUid(index), ...ages };
        return writeImage(images, image, changes);
      }),
    );
  }

  /** By the path of the file. */
  async function payloads(place: Workplace, paths: readonly string[]): Promise<InstancePayload[]> {
    const [path = ""] = paths;
    const hits = await place.search(path, 100);
    assert.equal(hits.length, paths.length);
    return paths.map((each) => hits.find((hit) => hit.path === each)?.payload ?? {});
  }

  const day = ({ studyDate = "" }: InstancePayload): number => Date.parse(studyDate) / DAY_MS;
  const dayOf = (text: string): number => Date.parse(text.replace(/(....)(..)(..)/, "$1-$2-$3")) / DAY_MS;

  it("strict stores no date, age or sex, and no UID of the file", async () => {
    const paths = await writeStudies();
    const summary = await workplace.ingest(images);
    assert.deepEqual([summary.new, summary.profile, summary.framesUnderOtherProfiles], [3, "strict", 0]);
    for (const [index, payload] of (await payloads(workplace, paths)).entries()) {
      assert.deepEqual(
        [payload.studyDate, payload.patientSex, payload.patientAgeYears],
        [undefined, undefined, undefined],
      );
      assert.match(payload.sopInstanceUid ?? "", /^2\.25\.\d+$/);
      const uid = cohort[index]?.dataset.SOPInstanceUID ?? "";
      assert.deepEqual(await workplace.collection.fetch([pointId(uid, 1)]), [], "an id is no test for a UID");
    }
  });

  it("research moves the dates of a patient by one number of days, and another patient's by another", async () => {
    const paths = await writeStudies();
    await workplace.ingest(images, { profile: research });
    const stored = await payloads(workplace, paths);
    const [first = 0, second = 0, other = 0] = stored.map(
      (payload, index) => day(payload) - dayOf(STUDIES[index]?.day ?? ""),
    );
    assert.ok(first < 0);
    assert.equal(second, first);
    assert.notEqual(other, first);
    assert.deepEqual(
      stored.map(({ patientSex, patientAgeYears }) => [patientSex, patientAgeYears]),
      STUDIES.map(() => ["F", 44]),
    );
    const [a, again, b] = stored.map(({ patientKey }) => patientKey);
    assert.ok(a === again && a !== b);
  });

  it("stores what `dafh deidentify` writes with the same key: UIDs and dates", async () => {
    const paths = await writeStudies();
    await workplace.ingest(images, { profile: research });
    const key = workplace.catalogue.pseudonymKey;
    for (const [index, payload] of (await payloads(workplace, paths)).entries()) {
      const written = deidentify(await readFile(paths[index] ?? ""), { profile: research, key });
      assert.deepEqual(
        [payload.sopInstanceUid, payload.seriesInstanceUid, payload.studyInstanceUid],
        [written.sopInstanceUid, written.seriesInstanceUid, written.studyInstanceUid],
      );
      const { attributes } = await workplace.encoder.encode({ bytes: Buffer.concat(written.parts) });
      assert.equal(payload.studyDate, attributes.studyDate);
    }
  });

  it("gives the same a second time, and with another site's key all else", async () => {
    const paths = await writeStudies();
    const elsewhere = openCatalogue({ dataDir: join(workplace.folder, "elsewhere") });
    try {
      await workplace.ingest(images, { profile: research });
      const once = await payloads(workplace, paths);
      await emptied();
      await workplace.ingest(images, { profile: research });
      assert.deepEqual(await payloads(workplace, paths), once);
      await emptied();
      await workplace.ingest(images, { profile: research, catalogue: elsewhere });
      const there = (await workplace.search(paths[0] ?? "", 100)).map(({ payload }) => payload);
      assert.equal(there.length, once.length);
      for (const here of once) {
        const same = there.find(({ pixelDigest }) => pixelDigest === here.pixelDigest);
        assert.equal(same?.code, here.code);
        for (const field of [
          "sopInstanceUid",
          "seriesInstanceUid",
          "studyInstanceUid",
          "patientKey",
          "studyDate",
        ] as const) {
          assert.ok(here[field] !== undefined && same?.[field] !== undefined && here[field] !== same[field], field);
        }
      }
    } finally {
      await elsewhere.close();
    }
  });

  it("another profile takes effect on files that have not changed, and leaves nothing of the first", async () => {
    const paths = await writeStudies();
    const run = async (flags: IngestFlags) => {
      const summary = await workplace.ingest(images, flags);
      assert.deepEqual(
        [summary.instances, summary.framesUnderOtherProfiles, await workplace.collection.count()],
        [3, 0, 3],
      );
      return summary;
    };
    await run({});
    assert.equal((await run({ profile: research })).updated, 3);
    assert.ok((await payloads(workplace, paths)).every(({ studyDate }) => studyDate !== undefined));
    const named = await run({ profile: hospital });
    assert.equal(named.new, 3);
    for (const [index, payload] of (await payloads(workplace, paths)).entries()) {
      assert.equal(payload.sopInstanceUid, cohort[index]?.dataset.SOPInstanceUID);
      assert.equal(payload.studyInstanceUid, studyUid(index));
      assert.equal(payload.profile, "hospital");
    }
    await run({});
    assert.ok(
      (await payloads(workplace, paths)).every(
        ({ studyDate, profile }) => studyDate === undefined && profile === "strict",
      ),
    );
    assert.equal((await run({})).unchanged, 3);
    for (const { dataset } of cohort) {
      const id = pointId(dataset.SOPInstanceUID, 1);
      assert.deepEqual([workplace.catalogue.path(id), workplace.catalogue.hasPreview(id)], [undefined, false]);
    }
  });

  it("says how much came in under another one", async () => {
    const [first = ""] = await writeStudies();
    await workplace.ingest(images, { profile: hospital });
    const summary = await workplace.ingest(first);
    assert.deepEqual([summary.instances, summary.framesUnderOtherProfiles], [1, 2]);
  });

  it("takes back what another one stored of an image with text burned in", async () => {
    const [image] = cohort;
    assert.ok(image !== undefined);
    const path = await writeImage(images, image, { BurnedInAnnotation: "YES" });
    assert.equal((await workplace.ingest(images, { profile: { ...strict, pixels: "keep" } })).new, 1);
    const [hit] = await workplace.search(path);
    assert.ok(hit !== undefined && workplace.catalogue.hasPreview(hit.id));
    assert.deepEqual(
      (await workplace.ingest(images)).refused.map(({ code }) => code),
      ["BURNED_IN_TEXT"],
    );
    assert.equal(await workplace.collection.count(), 0);
    assert.deepEqual([workplace.catalogue.path(hit.id), workplace.catalogue.hasPreview(hit.id)], [undefined, false]);
  });

  it("takes secondary captures where it is told to, and those with text burned in only with --pixels keep", async () => {
    const [image] = cohort;
    assert.ok(image !== undefined);
    await writeImage(images, image, { SOPClassUID: "1.2.840.10008.5.1.4.1.1.7" });
    const codes = async (flags: IngestFlags) =>
      (await workplace.ingest(images, { ...flags, judge: "1" })).refused.map(({ code }) => code);
    assert.deepEqual(await codes({}), ["UNSUPPORTED_SOP_CLASS"]);
    assert.deepEqual(await codes({ secondaryCaptures: true }), ["BURNED_IN_TEXT"]);
    // Not the refusal that the run before remembered.
    assert.deepEqual(await codes({}), ["UNSUPPORTED_SOP_CLASS"]);
    const kept = { ...strict, pixels: "keep" } as const;
    assert.equal((await workplace.ingest(images, { secondaryCaptures: true, profile: kept })).new, 1);
  });

  it("keeps the label that a manifest gave before", async () => {
    const paths = await writeStudies();
    const labels = join(workplace.folder, "labels.csv");
    await writeFile(labels, `path,label\n${paths.map((path, index) => `${path},label-${index}`).join("\n")}\n`);
    await workplace.ingest(images, { labels });
    for (const profile of [research, hospital, strict]) {
      await workplace.ingest(images, { profile });
      const stored = await payloads(workplace, paths);
      assert.deepEqual(
        stored.map(({ label, profile: name }) => [label, name]),
        paths.map((_, index) => [`label-${index}`, profile.name]),
      );
    }
  });

  it("masks what lies around an ultrasound, in its preview as well, where it is told to", async () => {
    const [image] = cohort;
    assert.ok(image !== undefined);
    const side = Math.sqrt(image.dataset.PixelData.byteLength / 2);
    const bright = Uint16Array.from({ length: side * side }, (_, index) => 800 + ((index + side / 2) % side));
    const quarter = Math.floor(side / 4);
    const region = {
      ...{ RegionSpatialFormat: 1, RegionDataType: 1, RegionFlags: 0 },
      ...{ RegionLocationMinX0: quarter, RegionLocationMinY0: quarter },
      ...{ RegionLocationMaxX1: 3 * quarter, RegionLocationMaxY1: 3 * quarter },
    };
    const ultrasound = {
      ...{ SOPClassUID: "1.2.840.10008.5.1.4.1.1.6.1", Modality: "US", PixelData: bright.buffer },
      SequenceOfUltrasoundRegions: [region],
    };
    const path = await writeImage(images, image, ultrasound);
    assert.deepEqual(
      (await workplace.ingest(images)).refused.map(({ code }) => code),
      ["BURNED_IN_TEXT"],
    );
    const corner = async (pixels: "mask" | "keep"): Promise<number> => {
      assert.equal((await workplace.ingest(images, { profile: { ...strict, pixels } })).instances, 1);
      const [hit] = await workplace.search(path);
      const preview = workplace.catalogue.preview(hit?.id ?? "");
      assert.ok(preview !== undefined);
      return (await sharp(preview).greyscale().raw().toBuffer())[0] ?? -1;
    };
    // Over a stored one that was kept whole: the mask takes its place.
    assert.ok((await corner("keep")) > 64);
    assert.equal(await corner("mask"), 0, "black");
    await corner("keep");
    await workplace.ingest(images, { profile: { ...strict, pixels: "mask" }, previews: false });
    const [hit] = await workplace.search(path);
    assert.ok(hit !== undefined && !workplace.catalogue.hasPreview(hit.id), "nor does the one of the whole image stay");
  });
});
