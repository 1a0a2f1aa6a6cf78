/** CT stacks of any size for the tests of what surrounds the decoder; `dicom/written.ts` writes the bytes. */
import { deflateRawSync } from "node:zlib";
import { Encapsulated, type WrittenOptions, writeFile } from "./dicom/written.js";

const DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1";

export interface WrittenStack {
  readonly rows: number;
  readonly columns: number;
  /** Stored values, 16 bits, of each frame. */
  readonly frames: readonly Uint16Array[];
  readonly patientName?: string;
  /** Elements beside those of an image. */
  readonly others?: WrittenOptions["others"];
  /** From 1: each frame is compressed by itself, and this one cannot be read. */
  readonly brokenFrame?: number;
  readonly sopInstanceUid?: string;
}

export function writeStack({
  rows,
  columns,
  frames,
  patientName = "DOE^JANE",
  others = [],
  brokenFrame,
  sopInstanceUid = "1.2.3.4",
}: WrittenStack): Uint8Array<ArrayBuffer> {
  const pixels = frames.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
  const dataset = {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: sopInstanceUid,
    Modality: "CT",
    PatientID: "P-1",
    Rows: rows,
    Columns: columns,
    NumberOfFrames: String(frames.length),
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: 0,
    RescaleIntercept: "-1024",
    RescaleSlope: "1",
    PixelData: brokenFrame === undefined ? Buffer.concat(pixels) : deflated(pixels, brokenFrame),
  };
  // The reader's dictionary has no tag for the name: nothing ever reads it.
  const name = { tag: 0x00100010, vr: "PN", bytes: Buffer.from(patientName.padEnd(64), "latin1") };
  const syntax = brokenFrame === undefined ? {} : { transferSyntax: DEFLATED_FRAMES };
  return new Uint8Array(writeFile(dataset, { ...syntax, others: [name, ...others] }));
}

function deflated(pixels: readonly Uint8Array[], brokenFrame: number): Encapsulated {
  return new Encapsulated(
    pixels.map((frame, index) => {
      const bytes = deflateRawSync(frame);
      if (index + 1 === brokenFrame) bytes.fill(0xff);
      return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
    }),
  );
}

/** `count` frames with something to see, each different. */
export function gradients(rows: number, columns: number, count: number): Uint16Array[] {
  return Array.from({ length: count }, (_, index) => gradient(rows, columns, index + 1));
}

export function gradient(rows: number, columns: number, seed: number): Uint16Array {
  const down = 8 * (1 + (seed % 7));
  const across = 8 * (1 + (seed % 5));
  return Uint16Array.from({ length: rows * columns }, (_, index) => {
    return (1024 + Math.floor(index / columns) * down + (index % columns) * across + seed) % 4096;
  });
}
