/** Slices of 512 × 512 for the benchmarks, written on the spot: a body with vessels and noise, which compresses about as a CT does. */
import type { Pixels } from "../test/encoder/dicom/compressed.js";
import { type Encapsulated, words, writeFile } from "../test/encoder/dicom/written.js";

export const SIZE = 512;

/** 12 bits stored in 16. */
export function ctSlice(seed: number): Pixels {
  let noise = seed;
  const values = Array.from({ length: SIZE * SIZE }, (_, index) => {
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    const [x, y] = [(index % SIZE) / SIZE - 0.5, Math.floor(index / SIZE) / SIZE - 0.5];
    const inside = x * x * 1.4 + y * y * 2 < 0.16;
    const vessels = 120 * Math.sin(40 * x + seed) * Math.cos(37 * y);
    return inside ? Math.round(1060 + vessels + (noise >>> 27)) : 24 + (noise >>> 30);
  });
  return { rows: SIZE, columns: SIZE, bits: 16, samples: 1, cells: words(values) };
}

export function ctFile(o: {
  readonly pixelData: Uint8Array | Encapsulated;
  readonly frames?: number;
  readonly transferSyntax?: string;
  readonly sopInstanceUid?: string;
}): Uint8Array {
  const { pixelData, frames = 1, transferSyntax = "1.2.840.10008.1.2.1", sopInstanceUid = "1.2.3.4" } = o;
  const dataset = {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: sopInstanceUid,
    StudyInstanceUID: "1.2.3",
    SeriesInstanceUID: "1.2.3.1",
    Modality: "CT",
    PatientID: "P-1",
    NumberOfFrames: String(frames),
    Rows: SIZE,
    Columns: SIZE,
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
    PixelRepresentation: 0,
    RescaleIntercept: "-1024",
    RescaleSlope: "1",
    PixelData: pixelData,
  };
  return writeFile(dataset, { transferSyntax });
}
