/**
 * Small files to damage, made here and now: every transfer syntax and pixel format that is read, multi-frame with
 * functional groups, offset tables, fragments, sequences, and PNG and JPEG images. No data of others, so that the
 * damage of a seed can be repeated anywhere.
 */
import { deflateRawSync } from "node:zlib";
import sharp from "sharp";
import { ENCODE, type Encode, encoded, evenly, initEncoders, type Pixels, runLengthEncoded } from "./compressed.js";
import { Encapsulated, type WrittenDataset, type WrittenOptions, words, writeFile } from "./written.js";

export interface CorpusFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const ROWS = 24;
const COLUMNS = 20;

/** @param seed another picture for each: it is the frame's number */
function picture(bits: 8 | 16, samples: 1 | 3, seed = 1): Pixels {
  const count = ROWS * COLUMNS * samples;
  const values = Array.from(
    { length: count },
    (_, index) => (index * 37 * seed + (index % 7) * 11 + (index >> 3)) % 4096,
  );
  const cells = bits === 16 ? words(values) : Uint8Array.from(values, (value) => value >> 4);
  return { rows: ROWS, columns: COLUMNS, bits, samples, cells };
}

function describing({ rows, columns, bits, samples }: Pixels): WrittenDataset {
  return {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: "1.2.3.4.5",
    StudyInstanceUID: "1.2.3",
    SeriesInstanceUID: "1.2.3.4",
    SpecificCharacterSet: "ISO_IR 100",
    StudyDate: "20200102",
    Modality: "CT",
    PatientID: "P-1",
    PatientAge: "045Y",
    Rows: rows,
    Columns: columns,
    SamplesPerPixel: samples,
    PhotometricInterpretation: samples === 3 ? "RGB" : "MONOCHROME2",
    ...(samples === 3 ? { PlanarConfiguration: 0 } : {}),
    BitsAllocated: bits,
    BitsStored: bits === 16 ? 12 : 8,
    HighBit: bits === 16 ? 11 : 7,
    PixelRepresentation: 0,
    RescaleIntercept: "-1024",
    RescaleSlope: "1",
  };
}

/** The damage depends on this list's order: add at its end. */
export async function writtenCorpus(): Promise<CorpusFile[]> {
  await initEncoders();
  const grey16 = picture(16, 1);
  const grey8 = picture(8, 1);
  const colour = picture(8, 3);
  const file = (name: string, dataset: WrittenDataset, options: WrittenOptions = {}): CorpusFile => ({
    name: `written:${name}`,
    bytes: writeFile(dataset, options),
  });
  const plain = (pixels: Pixels, more: WrittenDataset = {}): WrittenDataset => ({
    ...describing(pixels),
    PixelData: pixels.cells,
    ...more,
  });
  const compressed = (name: string, syntax: string, pixels: Pixels, fragments: readonly Uint8Array[]): CorpusFile =>
    file(
      name,
      { ...describing(pixels), PixelData: new Encapsulated(fragments) },
      { transferSyntax: `1.2.840.10008.1.2.${syntax}` },
    );
  const codec = (name: string, syntax: string, pixels: Pixels, encode: Encode): CorpusFile =>
    compressed(name, syntax, pixels, [encoded(pixels, encode)]);
  const bits1 = Uint8Array.from({ length: (ROWS * COLUMNS) / 8 }, (_, index) => (index * 73) & 0xff);
  const bits12 = Uint8Array.from({ length: ROWS * COLUMNS * 1.5 }, (_, index) => (index * 41) & 0xff);
  const png = sharp(Buffer.from(grey8.cells), { raw: { width: COLUMNS, height: ROWS, channels: 1 } });
  return [
    file("explicit", plain(grey16)),
    file("implicit", plain(grey16), { transferSyntax: "1.2.840.10008.1.2", explicitVr: false }),
    file(
      "big-endian",
      { ...plain(grey16), PixelData: Uint8Array.from(Buffer.from(grey16.cells).swap16()) },
      { transferSyntax: "1.2.840.10008.1.2.2", littleEndian: false },
    ),
    file("no-preamble", plain(grey16), { preamble: false, explicitVr: false }),
    file("grey-8", plain(grey8)),
    file("rgb", plain(colour)),
    file("rgb-planar", plain(colour, { PlanarConfiguration: 1 })),
    file("ybr-full", plain(colour, { PhotometricInterpretation: "YBR_FULL" })),
    file("signed-padded", plain(grey16, { PixelRepresentation: 1, PixelPaddingValue: 5 })),
    file("one-bit", plain(grey8, { BitsAllocated: 1, BitsStored: 1, HighBit: 0, PixelData: bits1 })),
    file("packed-12", plain(grey16, { BitsAllocated: 12, BitsStored: 12, HighBit: 11, PixelData: bits12 })),
    file("palette", plain(grey8, { PhotometricInterpretation: "PALETTE COLOR", ...palette() })),
    deflatedFile(plain(grey16)),
    compressed("rle-16", "5", grey16, [runLengthEncoded(grey16)]),
    compressed("rle-rgb", "5", colour, [runLengthEncoded(colour)]),
    compressed("deflated-frame", "8.1", grey16, [evenly(deflateRawSync(grey16.cells))]),
    codec("jpeg-baseline", "4.50", grey8, ENCODE.jpegBaseline),
    codec("jpeg-baseline-rgb", "4.50", colour, ENCODE.jpegBaseline),
    codec("jpeg-lossless", "4.70", grey16, ENCODE.jpegLossless),
    codec("jpeg-ls", "4.80", grey16, ENCODE.jpegLs),
    codec("jpeg-ls-rgb", "4.80", colour, ENCODE.jpegLs),
    codec("jpeg-ls-near", "4.81", grey16, ENCODE.jpegLsNear),
    codec("jpeg-2000", "4.90", grey16, ENCODE.jpeg2000),
    codec("jpeg-2000-rgb", "4.90", colour, ENCODE.jpeg2000),
    codec("jpeg-2000-lossy", "4.91", grey16, ENCODE.jpeg2000Lossy),
    codec("htj2k", "4.201", grey16, ENCODE.htj2k),
    codec("htj2k-lossy", "4.203", grey16, ENCODE.htj2kLossy),
    ...multiFrame("jpeg-ls-frames", "4.80", (pixels) => encoded(pixels, ENCODE.jpegLs)),
    ...multiFrame("jpeg-2000-frames", "4.90", (pixels) => encoded(pixels, ENCODE.jpeg2000)),
    ...multiFrame("rle-frames", "5", runLengthEncoded),
    file("enhanced", { ...plain(grey16), ...enhanced(), NumberOfFrames: "3", PixelData: threeFrames() }),
    file(
      "enhanced-undefined",
      { ...plain(grey16), ...enhanced(), NumberOfFrames: "3", PixelData: threeFrames() },
      {
        undefinedLength: true,
      },
    ),
    file("pet", pet(grey16), { undefinedLength: true }),
    { name: "written:png", bytes: await png.clone().png().toBuffer() },
    { name: "written:jpg", bytes: await png.clone().jpeg().toBuffer() },
  ];
}

const threeFrames = (): Uint8Array => Buffer.concat([1, 2, 3].map((seed) => picture(16, 1, seed).cells));

function palette(): WrittenDataset {
  const descriptor = [256, 0, 16];
  const table = words(Array.from({ length: 256 }, (_, index) => index * 257));
  return {
    RedPaletteColorLookupTableDescriptor: descriptor,
    GreenPaletteColorLookupTableDescriptor: descriptor,
    BluePaletteColorLookupTableDescriptor: descriptor,
    RedPaletteColorLookupTableData: table,
    GreenPaletteColorLookupTableData: table,
    BluePaletteColorLookupTableData: table,
  };
}

function deflatedFile(dataset: WrittenDataset): CorpusFile {
  const transferSyntax = "1.2.840.10008.1.2.1.99";
  const empty = writeFile({}, { transferSyntax }).length;
  const whole = writeFile(dataset, { transferSyntax });
  return {
    name: "written:deflated",
    bytes: Buffer.concat([whole.subarray(0, empty), evenly(deflateRawSync(whole.subarray(empty)))]),
  };
}

/** Three frames: with a basic offset table, with an extended one, and each frame in two fragments. */
function multiFrame(name: string, syntax: string, encode: (pixels: Pixels) => Uint8Array): CorpusFile[] {
  const frames = [1, 2, 3].map((seed) => encode(picture(16, 1, seed)));
  const offsetsOf = (fragmentsAFrame: number): number[] => {
    let offset = 0;
    return frames.map((frame) => {
      const begins = offset;
      offset += 8 * fragmentsAFrame + frame.length;
      return begins;
    });
  };
  const halves = frames.flatMap((frame) => {
    const middle = (frame.length >> 2) << 1;
    return [frame.subarray(0, middle), frame.subarray(middle)];
  });
  // RLE has no mark to tell a frame's first fragment by.
  const halvesOffsets = syntax === "5" ? offsetsOf(2) : [];
  const write = (kind: string, pixelData: Encapsulated, more: WrittenDataset = {}): CorpusFile => ({
    name: `written:${name}-${kind}`,
    bytes: writeFile(
      { ...describing(picture(16, 1)), NumberOfFrames: "3", PixelData: pixelData, ...more },
      { transferSyntax: `1.2.840.10008.1.2.${syntax}` },
    ),
  });
  return [
    write("basic", new Encapsulated(frames, offsetsOf(1))),
    write("extended", new Encapsulated(frames), {
      ExtendedOffsetTable: offsetsOf(1),
      ExtendedOffsetTableLengths: frames.map((frame) => frame.length),
    }),
    write("fragments", new Encapsulated(halves, halvesOffsets)),
  ];
}

function enhanced(): WrittenDataset {
  const place = (z: number): WrittenDataset => ({ PlanePositionSequence: [{ ImagePositionPatient: `0\\0\\${z}` }] });
  return {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [{ PixelSpacing: "0.5\\0.5", SliceThickness: "2" }],
        PlaneOrientationSequence: [{ ImageOrientationPatient: "1\\0\\0\\0\\1\\0" }],
        PixelValueTransformationSequence: [{ RescaleIntercept: "-1000", RescaleSlope: "2", RescaleType: "HU" }],
      },
    ],
    PerFrameFunctionalGroupsSequence: [place(0), place(2), place(4)],
  };
}

function pet(pixels: Pixels): WrittenDataset {
  return {
    ...describing(pixels),
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.128",
    Modality: "PT",
    SeriesDate: "20200102",
    SeriesTime: "101500",
    AcquisitionTime: "101501.25",
    PatientWeight: "70.5",
    Units: "BQML",
    DecayCorrection: "START",
    RadiopharmaceuticalInformationSequence: [
      { RadiopharmaceuticalStartTime: "091500", RadionuclideTotalDose: "370000000", RadionuclideHalfLife: "6586.2" },
    ],
    ModalityLUTSequence: [{ LUTDescriptor: [16, 0, 16], LUTData: words(Array.from({ length: 16 }, (_, i) => i * 9)) }],
    PixelData: pixels.cells,
  };
}
