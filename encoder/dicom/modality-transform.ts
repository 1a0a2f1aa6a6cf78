/**
 * The modality LUT of a frame (PS3.3 C.11.1): a table, or slope and intercept, which enhanced objects keep in a
 * functional group (C.7.6.16.2.9). A table has no place in a functional group: that of Pixel Value Transformation holds
 * slope, intercept and type alone, so it is looked for at the top of the dataset, and is all frames'.
 */
import { DafhError } from "../../schemas/index.js";
import type { Dataset } from "./dataset.js";
import { nameOf, tagOf } from "./dictionary.js";
import { frameNumbers } from "./functional-groups.js";
import type { ImageDescription } from "./image-description.js";

export interface ModalityTransform {
  readonly kind: "rescale" | "table" | "none";
  /** NaN, which is padding, stays NaN. */
  apply(stored: number): number;
}

/** @throws DafhError ATTRIBUTE_INVALID */
export function readModalityTransform(dataset: Dataset, image: ImageDescription, index: number): ModalityTransform {
  const macro = "PixelValueTransformationSequence";
  const slope = frameNumbers(dataset, index, macro, "RescaleSlope")[0];
  const intercept = frameNumbers(dataset, index, macro, "RescaleIntercept")[0];
  if (slope === 0) {
    throw new DafhError("ATTRIBUTE_INVALID", `${nameOf("RescaleSlope")} is 0: every pixel would be the same`, {
      tag: tagOf("RescaleSlope"),
    });
  }
  if (slope !== undefined && intercept !== undefined) {
    return { kind: "rescale", apply: (stored) => stored * slope + intercept };
  }
  const table = dataset.items("ModalityLUTSequence")[0];
  if (table !== undefined) return readTable(table, image);
  return { kind: "none", apply: (stored) => stored };
}

function readTable(item: Dataset, image: ImageDescription): ModalityTransform {
  const [length = 0, firstRaw = 0, bits = 16] = item.numbers("LUTDescriptor");
  const bytes = item.bytes("LUTData") ?? new Uint8Array();
  const entries = length === 0 ? 65_536 : length;
  // Entries of 8 bits lie two in a word (C.11.1.1.1); there are writers that give each a word of its own.
  const inWords = bits > 8 || bytes.length >= entries * 2;
  if (bytes.length < (inWords ? entries * 2 : entries)) {
    throw new DafhError(
      "ATTRIBUTE_INVALID",
      `${nameOf("LUTData")} of the modality LUT has fewer than ${entries} entries`,
      {
        tag: tagOf("LUTData"),
      },
    );
  }
  // The first value mapped is signed where the pixels are, whatever the descriptor's own representation.
  const first = image.signed ? (firstRaw << 16) >> 16 : firstRaw;
  const entryAt = inWords ? wordsOf(bytes, item.littleEndian) : bytesOf(bytes, item);
  const table = Float32Array.from({ length: entries }, (_, at) => entryAt(at));
  return {
    kind: "table",
    apply: (stored) => table[Math.min(Math.max(stored - first, 0), entries - 1)] ?? stored,
  };
}

function wordsOf(bytes: Uint8Array, littleEndian: boolean): (at: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (at) => view.getUint16(at * 2, littleEndian);
}

/** The first of two in a word is its lower byte, which a big endian word of OW or US has behind the other (PS3.5 8.3.1). */
function bytesOf(bytes: Uint8Array, item: Dataset): (at: number) => number {
  const swapped = !item.littleEndian && item.element("LUTData")?.vr !== "OB";
  return (at) => bytes[swapped ? at ^ 1 : at] ?? 0;
}
