/**
 * Every reference decode of the shared data, and every file of it: the decoder's truth on real images. Rows where we
 * disagree with the reference stand in a table with the reason.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { TRANSFER_SYNTAXES } from "../../../encoder/dicom/transfer-syntaxes.js";
import { DafhError } from "../../../schemas/index.js";
import { describeWithSharedData, dicomRoot, readShared, readTable } from "./shared-data.js";

/** Rows that the reference decoder got wrong: our own digest, and why it is the right one. */
const REFERENCE_IS_WRONG: Readonly<Record<string, { readonly sha256: string; readonly reason: string }>> = {
  "cornerstonejs+dicomParser/enhanced-ct/CT0012.fragmented_no_bot_jpeg_ls.80.dcm": {
    sha256: "03c0bc1df0fb153117585bb1ac471ea97ff4a774c41cd49927529b465741ac94",
    reason:
      "JPEG-LS is lossless, and the JPEG lossless and RLE twins of this very frame have this digest; the reference " +
      "joined the fragments of both frames, because the offset table is empty. gdcm disagrees with it too.",
  },
  "fo-dicom+fo-dicom/other/genFile.dcm": {
    sha256: "6943b04f9d88ccee91f96cefe414b138a399a184abd96e87c0c7c29b6674611f",
    reason:
      "The header says JPEG baseline, but the one fragment is 512 × 512 plain bytes, without a JPEG marker: read as they " +
      "lie they are a clean step wedge of 17 even grey levels. gdcm does not read the file.",
  },
};

describeWithSharedData("the reference decodes", () => {
  it("are what we decode, in every row but those that the reference got wrong", async function () {
    this.timeout(120_000);
    const rows = readTable("golden.csv");
    assert.equal(rows.length, 614);
    const differing: string[] = [];
    for (const row of rows) {
      const file = row.path ?? "";
      await initCodecs();
      const seen = openDicom(readShared(file)).inspect(Number(row.frame));
      const expected = {
        frames: Number(row.frames),
        rows: Number(row.rows),
        columns: Number(row.columns),
        samplesPerPixel: Number(row.samples),
        sha256: REFERENCE_IS_WRONG[file]?.sha256 ?? row.sha256_int32le,
      };
      const { frames, rows: height, columns, samplesPerPixel, stored } = seen;
      const actual = { frames, rows: height, columns, samplesPerPixel, sha256: stored.sha256 };
      if (JSON.stringify(actual) !== JSON.stringify(expected)) differing.push(`${file} frame ${row.frame}`);
      if (REFERENCE_IS_WRONG[file] === undefined) {
        assert.equal(stored.min, Number(row.min), file);
        assert.equal(stored.max, Number(row.max), file);
        assert.ok(Math.abs(stored.mean - Number(row.mean)) <= 0.0001, `${file}: mean ${stored.mean}`);
      }
    }
    assert.deepEqual(differing, []);
  });

  it("agree with the twins that show who is right about the fragmented JPEG-LS file", async () => {
    await initCodecs();
    const folder = "cornerstonejs+dicomParser/enhanced-ct";
    const digests = [
      "fragmented_no_bot_jpeg_ls.80",
      "fragmented_no_bot_jpeg_lossless.57",
      "not_fragmented_bot_rle",
    ].map((name) => openDicom(readShared(`${folder}/CT0012.${name}.dcm`)).pixelSha256(2));
    assert.equal(new Set(digests).size, 1);
  });
});

describeWithSharedData("transfer syntaxes that the reference decodes do not cover", () => {
  before(async () => initCodecs());

  it("HTJ2K lossless: the digest is OpenJPEG 2.6's, through pylibjpeg-openjpeg", () => {
    const digest = openDicom(readShared("pydicom+pydicom-data/ts/HTJ2KLossless_08_RGB.dcm")).pixelSha256(1);
    assert.equal(digest, "fd951b533e04fed392fafd07e1565476fc24efb5ebcb64847f4f5a230dc636f3");
  });

  it("HTJ2K lossless, RPCL: the same codestream under the other name, which only promises an order of its packets", () => {
    const file = Buffer.from(readShared("pydicom+pydicom-data/ts/HTJ2KLossless_08_RGB.dcm"));
    const at = file.indexOf("1.2.840.10008.1.2.4.201");
    assert.ok(at > 0);
    file.write("1.2.840.10008.1.2.4.202", at, "latin1");
    assert.equal(openDicom(file).pixelSha256(1), "fd951b533e04fed392fafd07e1565476fc24efb5ebcb64847f4f5a230dc636f3");
  });

  it("HTJ2K lossy: within two grey levels of the lossless one on average", () => {
    const [lossless, lossy] = ["HTJ2KLossless_08_RGB", "HTJ2K_08_RGB"].map(
      (name) => openDicom(readShared(`pydicom+pydicom-data/ts/${name}.dcm`)).storedFrame(1).values,
    );
    assert.ok(lossless !== undefined && lossy !== undefined);
    const difference = [...lossless].reduce((sum, value, index) => sum + Math.abs(value - (lossy[index] ?? 0)), 0);
    assert.ok(difference / lossless.length < 2, `${difference / lossless.length}`);
  });

  it("deflated image frames: as many segmented pixels as zlib and a count of bits find", () => {
    const instance = openDicom(readShared("pydicom+pydicom-data/other/liver_deflate.dcm"));
    let pixels = 0;
    for (let frame = 1; frame <= instance.frames; frame++)
      for (const bit of instance.storedFrame(frame).values) pixels += bit;
    assert.equal(pixels, 107_098);
  });

  it("are all the others: none that can be read is without a decode", () => {
    const syntaxOf = new Map(readTable("manifest.csv").map((row) => [row.path, row.transfer_syntax]));
    const covered = new Set(readTable("golden.csv").map((row) => syntaxOf.get(row.path)));
    const others = TRANSFER_SYNTAXES.map(({ uid }) => uid).filter((uid) => !covered.has(uid));
    // Those of the tests above.
    const decoded = ["8.1", "4.201", "4.202", "4.203"].map((end) => `1.2.840.10008.1.2.${end}`);
    assert.deepEqual(others, decoded);
  });
});

describeWithSharedData("every shared file", () => {
  it("is decoded in all its frames, or refused with a code that is not INTERNAL, and never takes long", async function () {
    this.timeout(240_000);
    const entries = readdirSync(dicomRoot, { recursive: true, withFileTypes: true });
    const files = entries
      .filter(
        (entry) =>
          entry.isFile() && (entry.name.endsWith(".dcm") || entry.name === "DICOMDIR" || !entry.name.includes(".")),
      )
      .map((entry) => path.relative(dicomRoot, path.join(entry.parentPath, entry.name)));
    assert.equal(files.length, readTable("manifest.csv").length);
    const refused: Record<string, number> = {};
    for (const file of files) {
      const started = performance.now();
      let frames = 1;
      try {
        await initCodecs();
        const instance = openDicom(readShared(file), { path: file });
        frames = instance.frames;
        for (let frame = 1; frame <= frames; frame++) instance.storedFrame(frame);
        instance.attributes(new Uint8Array(32));
      } catch (error) {
        assert.ok(error instanceof DafhError, `${file}: ${error instanceof Error ? error.stack : String(error)}`);
        assert.notEqual(error.code, "INTERNAL", file);
        assert.equal(error.where.path, file);
        refused[error.code] = (refused[error.code] ?? 0) + 1;
      }
      const took = performance.now() - started;
      assert.ok(took < 5000 + frames * 500, `${file} took ${Math.round(took)} ms`);
    }
    assert.deepEqual(refused, {
      UNSUPPORTED_SOP_CLASS: 12,
      NO_PIXEL_DATA: 8,
      NOT_DICOM: 3,
      TOO_MANY_PIXELS: 2,
      TOO_MANY_FRAMES: 1,
      ATTRIBUTE_MISSING: 3,
      ATTRIBUTE_INVALID: 2,
      DICOM_TRUNCATED: 2,
      UNSUPPORTED_PIXEL_FORMAT: 2,
      UNSUPPORTED_TRANSFER_SYNTAX: 1,
      FILE_EMPTY: 1,
      DICOMDIR: 1,
    });
  });
});
