/** Stored values out of native and encapsulated pixel data, on files that are written here byte by byte. */
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { initCodecs, openDicom } from "../../../encoder/dicom/index.js";
import { refusedWith } from "./refusal.js";
import {
  Encapsulated,
  SMALL_IMAGE,
  type WrittenDataset,
  type WrittenOptions,
  words,
  writeDataset,
  writeFile,
} from "./written.js";

const RLE = "1.2.840.10008.1.2.5";
const JPEG = "1.2.840.10008.1.2.4.50";

function stored(dataset: WrittenDataset, options: WrittenOptions = {}, frame = 1): number[] {
  return [...openDicom(writeFile({ ...SMALL_IMAGE, ...dataset }, options)).storedFrame(frame).values];
}

/** One row of `values`. */
function row(values: readonly number[], bits: number, more: WrittenDataset = {}): WrittenDataset {
  return {
    Rows: 1,
    Columns: values.length,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelData: bits === 8 ? Uint8Array.from(values) : words(values),
    ...more,
  };
}

/** A row of 8-bit pixels as an RLE frame: literal runs. */
function rleFrame(planes: readonly (readonly number[])[]): Uint8Array {
  const segments = planes.map((plane) => Uint8Array.from([plane.length - 1, ...plane]));
  const header = new Uint32Array(16);
  header[0] = segments.length;
  let offset = 64;
  segments.forEach((segment, index) => {
    header[index + 1] = offset;
    offset += segment.length;
  });
  return Buffer.concat([new Uint8Array(header.buffer), ...segments]);
}

describe("native pixel data", () => {
  it("is read alike in implicit and explicit, little and big endian and deflated transfer syntaxes", () => {
    const expected = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100];
    assert.deepEqual(stored({}), expected);
    assert.deepEqual(stored({}, { transferSyntax: "1.2.840.10008.1.2", explicitVr: false }), expected);
    const big = { transferSyntax: "1.2.840.10008.1.2.2", littleEndian: false };
    assert.deepEqual(stored({ PixelData: words(expected, false) }, big), expected);
    const header = writeFile({}, { transferSyntax: "1.2.840.10008.1.2.1.99" });
    const deflated = Buffer.concat([header, deflateRawSync(writeDataset(SMALL_IMAGE, {}))]);
    assert.deepEqual([...openDicom(deflated).storedFrame(1).values], expected);
  });

  it("gives signed values the sign of their own highest bit, wherever that lies", () => {
    assert.deepEqual(
      stored(row([0x0fff, 0x07ff, 0x0800, 1], 16, { BitsStored: 12, HighBit: 11, PixelRepresentation: 1 })),
      [-1, 2047, -2048, 1],
    );
    assert.deepEqual(
      stored(row([0xfff0, 0x7ff0, 0x8000, 0x0010], 16, { BitsStored: 12, HighBit: 15, PixelRepresentation: 1 })),
      [-1, 2047, -2048, 1],
    );
  });

  it("masks overlays in the bits above the value", () => {
    assert.deepEqual(stored(row([0xf123, 0x1fff, 0x8000], 16, { BitsStored: 12, HighBit: 11 })), [0x123, 0xfff, 0]);
  });

  it("unpacks 1-bit frames that begin inside a byte", () => {
    const bits: WrittenDataset = {
      Rows: 1,
      Columns: 5,
      NumberOfFrames: "2",
      BitsAllocated: 1,
      BitsStored: 1,
      HighBit: 0,
      PixelData: Uint8Array.from([0b01110101, 0b10]),
    };
    assert.deepEqual(stored(bits, {}, 1), [1, 0, 1, 0, 1]);
    assert.deepEqual(stored(bits, {}, 2), [1, 1, 0, 0, 1]);
  });

  it("unpacks 12-bit values, two in three bytes", () => {
    const packed: WrittenDataset = row([1, 2, 3], 12, {
      PixelData: Uint8Array.from([0x23, 0x61, 0x45, 0x89, 0x07, 0x00]),
    });
    assert.deepEqual(stored(packed), [0x123, 0x456, 0x789]);
  });

  it("puts the samples of a pixel together, whichever the planar configuration", () => {
    const colour: WrittenDataset = {
      Rows: 1,
      Columns: 2,
      SamplesPerPixel: 3,
      PhotometricInterpretation: "RGB",
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
    };
    const pixels = [1, 2, 3, 4, 5, 6];
    assert.deepEqual(stored({ ...colour, PlanarConfiguration: 0, PixelData: Uint8Array.from(pixels) }), pixels);
    assert.deepEqual(
      stored({ ...colour, PlanarConfiguration: 1, PixelData: Uint8Array.from([1, 4, 2, 5, 3, 6]) }),
      pixels,
    );
  });

  it("shares the chroma of YBR_FULL_422 between two pixels", () => {
    const subsampled: WrittenDataset = {
      Rows: 1,
      Columns: 2,
      SamplesPerPixel: 3,
      PhotometricInterpretation: "YBR_FULL_422",
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelData: Uint8Array.from([10, 20, 128, 129]),
    };
    assert.deepEqual(stored(subsampled), [10, 128, 129, 20, 128, 129]);
  });

  it("is refused when it is too short for its frames, and told apart from a file that is cut off", () => {
    const short = { ...SMALL_IMAGE, PixelData: words([1, 2, 3]) };
    refusedWith("PIXEL_DATA_MISMATCH", () => openDicom(writeFile(short)));
    const whole = writeFile(SMALL_IMAGE);
    const error = refusedWith("DICOM_TRUNCATED", () =>
      openDicom(whole.subarray(0, whole.length - 2), { path: "a/b.dcm" }),
    );
    assert.deepEqual(error.where, { path: "a/b.dcm", tag: "(7fe0,0010)" });
  });

  it("gives a frame of a number that is not there as FRAME_OUT_OF_RANGE", () => {
    const instance = openDicom(writeFile(SMALL_IMAGE));
    for (const frame of [0, 2, 1.5, -1]) refusedWith("FRAME_OUT_OF_RANGE", () => instance.storedFrame(frame));
  });
});

describe("encapsulated pixel data", () => {
  const two = { ...row([0, 0, 0], 8), NumberOfFrames: "2" };
  const first = rleFrame([[1, 2, 3]]);
  const second = rleFrame([[4, 5, 6]]);
  const rle = { transferSyntax: RLE };

  it("is split into frames by the basic offset table, also where a frame is in pieces", () => {
    const pieces = [first.subarray(0, 64), first.subarray(64), second];
    const table = [0, 8 + 64 + 8 + (first.length - 64)];
    const dataset = { ...two, PixelData: new Encapsulated(pieces, table) };
    assert.deepEqual(stored(dataset, rle, 1), [1, 2, 3]);
    assert.deepEqual(stored(dataset, rle, 2), [4, 5, 6]);
  });

  it("is split by the extended offset table, whose lengths cut the padding off", () => {
    const dataset = {
      ...two,
      ExtendedOffsetTable: [0, 8 + first.length],
      ExtendedOffsetTableLengths: [first.length, second.length],
      PixelData: new Encapsulated([first, second]),
    };
    assert.deepEqual(stored(dataset, rle, 2), [4, 5, 6]);
  });

  it("is split by fragment without a table, and where the table is wrong", () => {
    assert.deepEqual(stored({ ...two, PixelData: new Encapsulated([first, second]) }, rle, 2), [4, 5, 6]);
    assert.deepEqual(stored({ ...two, PixelData: new Encapsulated([first, second], [0, 7]) }, rle, 2), [4, 5, 6]);
  });

  it("is refused when the fragments do not make the frames", () => {
    const three = { ...SMALL_IMAGE, ...two, NumberOfFrames: "3", PixelData: new Encapsulated([first, second]) };
    refusedWith("PIXEL_DATA_MISMATCH", () => openDicom(writeFile(three, rle)));
  });

  it("joins the byte planes of 16-bit RLE, most significant first", () => {
    const dataset = row([0, 0], 16, {
      PixelData: new Encapsulated([
        rleFrame([
          [1, 2],
          [3, 4],
        ]),
      ]),
    });
    assert.deepEqual(stored(dataset, rle), [0x103, 0x204]);
  });

  it("refuses RLE with too few planes, or planes that end early", () => {
    const open = (frame: Uint8Array) =>
      openDicom(writeFile({ ...SMALL_IMAGE, ...row([0, 0, 0], 8), PixelData: new Encapsulated([frame]) }, rle));
    refusedWith("PIXEL_DATA_MISMATCH", () =>
      open(
        rleFrame([
          [1, 2, 3],
          [1, 2, 3],
        ]),
      ).storedFrame(1),
    );
    const error = refusedWith("PIXEL_DATA_CORRUPT", () => open(rleFrame([[1, 2]])).storedFrame(1));
    assert.equal(error.where.frame, 1);
  });

  it("refuses a codestream of another size than the dataset's, and one that is cut off", async () => {
    await initCodecs();
    const sharp = (await import("sharp")).default;
    const jpeg = await sharp(
      new Uint8Array(64 * 48).map((_, index) => index % 251),
      { raw: { width: 64, height: 48, channels: 1 } },
    )
      .toColourspace("b-w")
      .jpeg()
      .toBuffer();
    const open = (frame: Uint8Array, rows: number) =>
      openDicom(
        writeFile(
          { ...SMALL_IMAGE, ...row([], 8), Rows: rows, Columns: 64, PixelData: new Encapsulated([frame]) },
          { transferSyntax: JPEG },
        ),
      );
    assert.equal(open(jpeg, 48).storedFrame(1).values.length, 64 * 48);
    refusedWith("PIXEL_DATA_MISMATCH", () => open(jpeg, 40).storedFrame(1));
    refusedWith("PIXEL_DATA_CORRUPT", () => open(jpeg.subarray(0, jpeg.length - 100), 48).storedFrame(1));
    refusedWith("PIXEL_DATA_CORRUPT", () => open(Uint8Array.from([1, 2, 3, 4]), 48).storedFrame(1));
  });

  it("is refused under an uncompressed transfer syntax, and native data under a compressed one", () => {
    refusedWith("PIXEL_DATA_MISMATCH", () =>
      openDicom(writeFile({ ...SMALL_IMAGE, PixelData: new Encapsulated([first]) })),
    );
    refusedWith("PIXEL_DATA_MISMATCH", () => openDicom(writeFile(SMALL_IMAGE, rle)));
  });
});
