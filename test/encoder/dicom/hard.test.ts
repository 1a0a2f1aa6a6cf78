/** The hostile files, one by one: each decodes to the right pixels or is refused with the code that fits, and why. */
import assert from "node:assert/strict";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import type { ErrorCode } from "../../../schemas/index.js";
import { refusedWith } from "./refusal.js";
import { describeWithSharedData, readShared, readTable } from "./shared-data.js";

interface Decodes {
  /** First digits of the digest of frame 1. */
  readonly sha256: string;
  readonly why: string;
}
interface Refused {
  readonly code: ErrorCode;
  readonly why: string;
  /** Opens and shows its stored values, and is refused where they should get their meaning. */
  readonly late?: true;
}

/** The PET slice that most derived files were made from; its own digest is a row of golden.csv. */
const SLICE = "f1dbe92da2c2";
/** Clunie's CT1, the same in every transfer syntax. */
const CT1 = "824141bed775";

const HARD: Readonly<Record<string, Decodes | Refused>> = {
  "derived__bad_uids.dcm": {
    sha256: SLICE,
    why: "the pixels are whole; the UIDs that are none are left out of the attributes",
  },
  "derived__bare_dataset_implicit.dcm": {
    sha256: SLICE,
    why: "a dataset without header, recognised by its first element",
  },
  "derived__constant_image.dcm": { code: "IMAGE_CONSTANT", late: true, why: "every pixel is 0" },
  "derived__duplicate_of_series_slice.dcm": { sha256: SLICE, why: "nothing is wrong with it but its twin" },
  "derived__empty_pixeldata.dcm": { code: "NO_PIXEL_DATA", why: "Pixel Data of length 0" },
  "derived__gzipped.dcm": { code: "NOT_DICOM", why: "a gzip archive, and the message says so" },
  "derived__hostile_text.dcm": {
    sha256: SLICE,
    why: "its text is nobody's program here, and does not reach the attributes",
  },
  "derived__huge_frames.dcm": {
    code: "TOO_MANY_FRAMES",
    why: "two billion frames, refused before anything is allocated",
  },
  "derived__modality_lowercase.dcm": { sha256: SLICE, why: "pt is PT" },
  "derived__no_pixeldata.dcm": { code: "NO_PIXEL_DATA", why: "a PET header without Pixel Data" },
  "derived__no_rows.dcm": { code: "ATTRIBUTE_MISSING", why: "Rows is missing, and cannot be guessed" },
  "derived__packed_12bit.dcm": { sha256: "3914ec28cf23", why: "two pixels in three bytes: the slice divided by 16" },
  "derived__pet_colour_capture_rgb.dcm": {
    sha256: "2fd656736846",
    why: "a colour secondary capture; decodes, and is not ingested",
  },
  "derived__pet_slope_zero.dcm": { code: "ATTRIBUTE_INVALID", late: true, why: "with slope 0 no pixel has a meaning" },
  "derived__pixels_too_long.dcm": {
    sha256: SLICE,
    why: "the frame is whole; what follows it is left out, with a warning",
  },
  "derived__png_as_dcm.dcm": { code: "NOT_DICOM", why: "a PNG image, and the message says so" },
  "derived__same_sop_uid_other_pixels.dcm": {
    sha256: "3a23f81288d0",
    why: "right in itself; the conflict shows only beside the other",
  },
  "derived__text_as_dcm.dcm": { code: "NOT_DICOM", why: "a text file" },
  "derived__truncated_in_header.dcm": { code: "DICOM_TRUNCATED", why: "a PET object that stops in group 0009" },
  "derived__unknown_transfer_syntax.dcm": { code: "UNSUPPORTED_TRANSFER_SYNTAX", why: "no such transfer syntax" },
  "derived__wrong_ts_says_bigendian.dcm": {
    sha256: SLICE,
    why: "the first element shows the true byte order; a warning says so",
  },
  "derived__zero_length.dcm": { code: "FILE_EMPTY", why: "no bytes" },
  "dicom2nifti__IM-0001-0002-0001.dcm": { sha256: "37da3b848306", why: "RLE; the noise is what its pixels are" },
  "dicom2nifti__IM-0001-0004-0001.dcm": { sha256: "d729840a96c6", why: "the noise is what its pixels are" },
  "fo-dicom__1403-OB.dcm": { sha256: "cb741ce24f15", why: "3 × 3 RGB as OB, with its padding byte" },
  "fo-dicom__D_CLUNIE_CT1_RLE_FRAGS.dcm": { sha256: CT1, why: "one RLE frame in several fragments, joined" },
  "fo-dicom__FreezePattern.dcm": {
    sha256: "bbd05cf6097a",
    why: "a black RGB capture; decodes, has nothing to compare, is not ingested",
  },
  "fo-dicom__GH1146.dcm": { code: "NO_PIXEL_DATA", why: "Pixel Data of length 0" },
  "fo-dicom__GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_len.dcm": {
    sha256: CT1,
    why: "a private sequence of undefined length, walked over",
  },
  "fo-dicom__GH223.dcm": { code: "NO_PIXEL_DATA", why: "private sequences only, no pixels" },
  "fo-dicom__GH487.dcm": { code: "NO_PIXEL_DATA", why: "private sequences only, no pixels" },
  "fo-dicom__Issue1097_FailToOpenDeflatedFileWithSQ.dcm": {
    code: "NO_PIXEL_DATA",
    why: "inflates well, and holds no image",
  },
  "orthanc-tests__oob-monochrome-46341.dcm": {
    code: "TOO_MANY_PIXELS",
    why: "46341² pixels, of which there are a few KB",
  },
  "orthanc-tests__oob-monochrome-65535.dcm": { code: "TOO_MANY_PIXELS", why: "65535² pixels" },
  "pydicom-data__bad_sequence.dcm": {
    sha256: "f763169c67cb",
    why: "the damaged sequence is not one that the image needs",
  },
  "pydicom-data__emri_small_jpeg_2k_lossless_too_short.dcm": {
    sha256: "9b67c17b92b4",
    why: "only the end of the sequence is missing: all ten frames equal their uncompressed twins",
  },
  "pydicom-data__parametric_map_double_float.dcm": { code: "UNSUPPORTED_PIXEL_FORMAT", why: "floating-point pixels" },
  pydicom__DICOMDIR: { code: "DICOMDIR", why: "an index of files" },
  "pydicom__ExplVR_LitEndNoMeta.dcm": {
    code: "UNSUPPORTED_SOP_CLASS",
    why: "a bare dataset, read, and it is an RT plan",
  },
  "pydicom__JPEGLSNearLossless_16.dcm": { sha256: "1d1ea445c998", why: "near-lossless, 16 bits" },
  "pydicom__MR_small_padded.dcm": { sha256: "b8d9a6cee6ff", why: "padding after the frame, left out" },
  "pydicom__SC_jpeg_no_color_transform.dcm": { sha256: "ee3bf9df762b", why: "JPEG whose components are RGB already" },
  "pydicom__SC_rgb_rle_32bit_2frame.dcm": { sha256: "1a243c9351e3", why: "RLE of twelve byte planes" },
  "pydicom__SC_rgb_small_odd_jpeg.dcm": { sha256: "62d33bfdeb74", why: "3 × 3 JPEG of odd length" },
  "pydicom__badVR.dcm": { code: "ATTRIBUTE_INVALID", why: 'Number of Frames is "1A"' },
  "pydicom__chrJapMulti.dcm": { code: "NO_PIXEL_DATA", why: "a CR header in Japanese without Pixel Data" },
  "pydicom__empty_charset_LEI.dcm": { code: "NO_PIXEL_DATA", why: "a header with an empty character set" },
  "pydicom__meta_missing_tsyntax.dcm": {
    code: "ATTRIBUTE_MISSING",
    why: "no Transfer Syntax UID, and nothing to tell it from",
  },
  "pydicom__nested_priv_SQ.dcm": { code: "ATTRIBUTE_MISSING", why: "Pixel Data of two bytes without Rows" },
  "pydicom__rtplan_truncated.dcm": { code: "DICOM_TRUNCATED", why: "cut off inside a sequence" },
};

describeWithSharedData("a hostile file", () => {
  before(async () => initCodecs());

  it("stands in the table, each of them", () => {
    const hard = readTable("manifest.csv")
      .map((row) => row.path ?? "")
      .filter((file) => file.startsWith("_hard/"));
    assert.deepEqual(
      Object.keys(HARD)
        .map((name) => `_hard/${name}`)
        .sort(),
      hard.sort(),
    );
  });

  for (const [name, expected] of Object.entries(HARD)) {
    it(`${name}: ${"code" in expected ? expected.code : "decodes"}, ${expected.why}`, () => {
      const bytes = readShared(`_hard/${name}`);
      if ("sha256" in expected) {
        assert.equal(openDicom(bytes).inspect(1).stored.sha256.slice(0, 12), expected.sha256);
      } else if (expected.late) {
        const instance = openDicom(bytes);
        assert.equal(instance.inspect(1).notComparable?.code, expected.code);
        refusedWith(expected.code, () => instance.greyFrame(1));
      } else {
        refusedWith(expected.code, () => openDicom(bytes));
      }
    });
  }

  it("of packed 12-bit pixels holds the slice that it was made from, divided by 16", () => {
    const slice = openDicom(readShared("_hard/derived__duplicate_of_series_slice.dcm")).storedFrame(1).values;
    const packed = openDicom(readShared("_hard/derived__packed_12bit.dcm")).storedFrame(1).values;
    assert.deepEqual(
      [...packed],
      [...slice].map((value) => value >> 4),
    );
  });

  it("of a JPEG 2000 stream without its end equals the uncompressed twin in every frame", () => {
    const short = openDicom(readShared("_hard/pydicom-data__emri_small_jpeg_2k_lossless_too_short.dcm"));
    const twin = openDicom(readShared("pydicom+pydicom-data/ts/emri_small.dcm"));
    assert.equal(short.frames, 10);
    for (let frame = 1; frame <= 10; frame++) assert.equal(short.pixelSha256(frame), twin.pixelSha256(frame));
  });

  it("of markup, SQL and paths lets none of it into the attributes", () => {
    const attributes = openDicom(readShared("_hard/derived__hostile_text.dcm")).attributes(new Uint8Array(32));
    for (const value of Object.values(attributes).flat())
      assert.doesNotMatch(String(value), /[<>;'"|&$\\]|\.\.|DROP|=/);
  });
});
