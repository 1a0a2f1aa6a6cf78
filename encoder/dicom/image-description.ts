/**
 * The Image Pixel module (PS3.3 C.7.6.3) of a dataset, checked: how many pixels there are and how each is stored.
 * Nothing is allocated before these numbers have passed.
 */
import { DafhError } from "../../schemas/index.js";
import type { Dataset } from "./dataset.js";
import { type Keyword, nameOf, tagOf } from "./dictionary.js";
import type { DicomLimits } from "./limits.js";

export interface ImageDescription {
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly samplesPerPixel: 1 | 3;
  readonly photometricInterpretation: string;
  /** True where each colour is a plane of its own (Planar Configuration 1). */
  readonly planar: boolean;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
}

/** @throws DafhError ATTRIBUTE_MISSING, ATTRIBUTE_INVALID, UNSUPPORTED_PIXEL_FORMAT, TOO_MANY_PIXELS or TOO_MANY_FRAMES */
export function describeImage(dataset: Dataset, limits: DicomLimits): ImageDescription {
  const rows = required(dataset, "Rows");
  const columns = required(dataset, "Columns");
  const frames = dataset.has("NumberOfFrames") ? Math.max(1, integer(dataset, "NumberOfFrames")) : 1;
  const samplesPerPixel = dataset.has("SamplesPerPixel") ? required(dataset, "SamplesPerPixel") : 1;
  if (samplesPerPixel !== 1 && samplesPerPixel !== 3) {
    throw unsupported("SamplesPerPixel", `${samplesPerPixel} samples a pixel cannot be read, only 1 and 3`);
  }
  const samples = rows * columns * samplesPerPixel;
  if (samples > limits.samplesPerFrame) {
    throw new DafhError(
      "TOO_MANY_PIXELS",
      `a frame of ${rows} × ${columns} × ${samplesPerPixel} samples; the limit is ${limits.samplesPerFrame}`,
      { tag: tagOf("Rows") },
    );
  }
  if (frames > limits.frames) {
    throw new DafhError("TOO_MANY_FRAMES", `${frames} frames; the limit is ${limits.frames}`, {
      tag: tagOf("NumberOfFrames"),
    });
  }
  const bitsAllocated = required(dataset, "BitsAllocated");
  if (![1, 8, 12, 16, 32].includes(bitsAllocated)) {
    throw unsupported("BitsAllocated", `${bitsAllocated} bits allocated cannot be read`);
  }
  const bitsStored = dataset.has("BitsStored") ? required(dataset, "BitsStored") : bitsAllocated;
  const highBit = dataset.has("HighBit") ? integer(dataset, "HighBit") : bitsStored - 1;
  if (bitsStored > bitsAllocated) {
    throw invalid("BitsStored", `${bitsStored} bits stored in ${bitsAllocated} allocated`);
  }
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw invalid("HighBit", `high bit ${highBit} of ${bitsStored} bits stored in ${bitsAllocated} allocated`);
  }
  const representation = dataset.has("PixelRepresentation") ? integer(dataset, "PixelRepresentation") : 0;
  if (representation > 1) throw invalid("PixelRepresentation", `${representation} is neither 0 nor 1`);
  return {
    rows,
    columns,
    frames,
    samplesPerPixel,
    photometricInterpretation:
      dataset.string("PhotometricInterpretation")?.toUpperCase() ?? defaultPhotometric(samplesPerPixel),
    planar: samplesPerPixel === 3 && dataset.number("PlanarConfiguration") === 1,
    bitsAllocated,
    bitsStored,
    highBit,
    signed: representation === 1,
  };
}

/** Old ACR-NEMA objects have no Photometric Interpretation. */
function defaultPhotometric(samplesPerPixel: number): string {
  return samplesPerPixel === 3 ? "RGB" : "MONOCHROME2";
}

function required(dataset: Dataset, keyword: Keyword): number {
  if (!dataset.has(keyword)) {
    throw new DafhError("ATTRIBUTE_MISSING", `${nameOf(keyword)} is missing`, { tag: tagOf(keyword) });
  }
  const value = integer(dataset, keyword);
  if (value === 0) throw invalid(keyword, "is 0");
  return value;
}

function integer(dataset: Dataset, keyword: Keyword): number {
  const value = dataset.number(keyword);
  if (value === undefined || !Number.isInteger(value) || value < 0)
    throw invalid(keyword, "is not a whole number from 0");
  return value;
}

function invalid(keyword: Keyword, what: string): DafhError {
  return new DafhError("ATTRIBUTE_INVALID", `${nameOf(keyword)}: ${what}`, { tag: tagOf(keyword) });
}

function unsupported(keyword: Keyword, what: string): DafhError {
  return new DafhError("UNSUPPORTED_PIXEL_FORMAT", `${nameOf(keyword)}: ${what}`, { tag: tagOf(keyword) });
}
