/**
 * Damaged files, seeded: whatever is done to the bytes, the reader answers with an image or a code, and soon; and so
 * does the decoding pool. The long search is `bench/fuzz.ts`; here is a short one, and what the long one has found.
 */
import assert from "node:assert/strict";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { DafhError } from "../../../schemas/index.js";
import { type CorpusFile, writtenCorpus } from "./fuzz-corpus.js";
import { damaged } from "./fuzz-damage.js";
import { FINDINGS } from "./fuzz-findings.js";
import { TrialPool } from "./fuzz-trial.js";
import { mutate } from "./mutations.js";
import { describeWithSharedData, readShared } from "./shared-data.js";

const ROUNDS = 400;
const POOL_ROUNDS = 150;
/** A slow machine under load needs tens of milliseconds; a hang needs for ever. */
const LIMIT_MS = 5000;

/** Small files, one for each transfer syntax and pixel format that there is. */
const SEEDS = [
  "pydicom+pydicom/ts/JPEG2000.dcm",
  "ImagingDataCommons+highdicom/other/seg_image_ct_binary.dcm",
  "pydicom+pydicom/ts/image_dfl.dcm",
  "pydicom+pydicom-data/ts/JLSL_08_07_0_1F.dcm",
  "pydicom+pydicom/ts/MR_small_jp2klossless.dcm",
  "pydicom+pydicom/ts/MR_small_RLE.dcm",
  "pydicom+pydicom/ts/MR_small_bigendian.dcm",
  "pydicom+pydicom/ts/MR_small.dcm",
  "icometrix+dicom2nifti/demo/MR_T1_WM_AX-75134409/IM-0001-0003-0001.dcm",
  "pydicom+deid-data/other/ctbrain1.dcm",
  "pydicom+pydicom/other/ExplVR_BigEnd.dcm",
  "ImagingDataCommons+highdicom/other/sm_image.dcm",
  "fo-dicom+fo-dicom/pet/GH184.dcm",
  "cornerstonejs+cornerstoneWADOImageLoader/ct-one-image-14-syntaxes/CTImage.dcm_JPEGProcess1TransferSyntax_1.2.840.1.dcm",
  "ImagingDataCommons+highdicom/other/dx_image.dcm",
  "pydicom+pydicom-data/other/OBXXXX1A_rle.dcm",
  "pydicom+pydicom-data/ts/emri_small_RLE.dcm",
  "pydicom+pydicom-data/ts/HTJ2KLossless_08_RGB.dcm",
  "_hard/derived__packed_12bit.dcm",
  "_hard/derived__bare_dataset_implicit.dcm",
];

describeWithSharedData(`${ROUNDS} damaged files`, () => {
  it("are each decoded or refused with a code of the table, within the time", async function () {
    this.timeout(300_000);
    const files = SEEDS.map(readShared);
    let decoded = 0;
    const codes = new Set<string>();
    for (let seed = 0; seed < ROUNDS; seed++) {
      const index = seed % files.length;
      const bytes = mutate(
        files[index] ?? new Uint8Array(0),
        files[(seed * 7 + 3) % files.length] ?? new Uint8Array(0),
        seed,
      );
      const started = performance.now();
      try {
        await initCodecs();
        const instance = openDicom(bytes);
        instance.attributes(new Uint8Array(32));
        for (let frame = 1; frame <= Math.min(instance.frames, 2); frame++) instance.inspect(frame);
        decoded++;
      } catch (error) {
        const what = `seed ${seed}, ${SEEDS[index]}`;
        assert.ok(error instanceof DafhError, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
        assert.notEqual(error.code, "INTERNAL", what);
        codes.add(error.code);
      }
      const took = performance.now() - started;
      assert.ok(took < LIMIT_MS, `seed ${seed}, ${SEEDS[index]}: ${Math.round(took)} ms`);
    }
    // The damage is neither harmless nor always deadly, or the test would show nothing.
    assert.ok(decoded > ROUNDS / 20 && decoded < ROUNDS / 2, `${decoded} decoded`);
    assert.ok(codes.size >= 6, [...codes].join());
  });
});

describe("the decoding pool", function () {
  this.timeout(120_000);
  let corpus: CorpusFile[];
  let pool: TrialPool;

  before(async () => {
    corpus = await writtenCorpus();
    pool = new TrialPool();
  });
  after(() => pool.close());

  it("decodes every file of the corpus while it is whole", async () => {
    for (const file of corpus) assert.equal((await pool.try(file)).outcome, "decoded", file.name);
  });

  for (const { seed, file, outcome, was } of FINDINGS) {
    it(`refuses what was found with seed ${seed} of ${file}: ${was}`, async () => {
      const found = damaged(corpus, seed);
      assert.equal(found.name, file, "the corpus or the damage has changed: this seed makes other bytes now");
      const trial = await pool.try(found);
      assert.equal(trial.finding, undefined);
      assert.equal(trial.outcome, outcome);
    });
  }

  it("decodes whole files as ever after codecs have trapped", async () => {
    const before = await Promise.all(corpus.map((file) => pool.digests(file)));
    for (const { seed } of FINDINGS) await pool.try(damaged(corpus, seed));
    assert.ok(pool.replaced > 0, "no thread was replaced: this shows nothing");
    assert.deepEqual(await Promise.all(corpus.map((file) => pool.digests(file))), before);
  });

  it(`survives ${POOL_ROUNDS} damaged files, each decoded or refused by name`, async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= POOL_ROUNDS; seed++) {
      const { outcome, finding } = await pool.try(damaged(corpus, seed));
      assert.equal(finding, undefined, `seed ${seed}`);
      outcomes.add(outcome);
    }
    assert.ok(outcomes.size >= 8, [...outcomes].join());
  });
});
