/**
 * Pixel data → the bytes of one frame, without copying where they lie together: by position in native pixel data,
 * by offset tables and fragments in encapsulated pixel data (PS3.5 A.4). Decoding is left to `stored-frame.ts`.
 */
import { DafhError } from "../../schemas/index.js";
import { startsCodestream } from "./codestream-headers.js";
import type { Dataset } from "./dataset.js";
import { type DataElement, walkFragments } from "./dataset-reader.js";
import { tagOf } from "./dictionary.js";
import type { ImageDescription } from "./image-description.js";
import type { Compression } from "./transfer-syntaxes.js";

const TAG = tagOf("PixelData");

/** Where a frame's cells begin: 1- and 12-bit frames follow each other without filling up their last byte. */
export interface NativeFrame {
  readonly bytes: Uint8Array;
  readonly bitOffset: number;
}

/** Bits of one frame as stored. YBR_FULL_422 keeps one pair of chroma samples for two pixels (PS3.3 C.7.6.3.1.2). */
export function nativeFrameBits(image: ImageDescription): number {
  const samples = isSubsampled(image) ? 2 : image.samplesPerPixel;
  return image.rows * image.columns * samples * image.bitsAllocated;
}

export function isSubsampled(image: ImageDescription): boolean {
  return image.samplesPerPixel === 3 && image.photometricInterpretation === "YBR_FULL_422";
}

/** Checked once a file. @throws DafhError DICOM_TRUNCATED or PIXEL_DATA_MISMATCH */
export function checkNativeLength(element: DataElement, image: ImageDescription, warnings: string[]): void {
  const expected = Math.ceil((nativeFrameBits(image) * image.frames) / 8);
  if (element.length < expected) {
    const what = `the pixel data has ${element.length} bytes; ${image.frames} frame(s) of ${image.rows} × ${image.columns} need ${expected}`;
    throw new DafhError(element.truncated ? "DICOM_TRUNCATED" : "PIXEL_DATA_MISMATCH", what, { tag: TAG });
  }
  if (element.length > expected + 1) {
    warnings.push(`the pixel data is ${element.length - expected} bytes longer than its frames; they are left out`);
  }
}

/** `index` counts from 0. */
export function nativeFrame(pixelData: Uint8Array, image: ImageDescription, index: number): NativeFrame {
  const { start, end, bitOffset } = placeOfNativeFrame(image, index);
  return { bytes: pixelData.subarray(start, end), bitOffset };
}

/** As `nativeFrame`, of pixel data that begins at `pixelOffset` of the file. */
export function nativeFrameOnDisk(
  file: { read(offset: number, length: number): Uint8Array },
  pixelOffset: number,
  image: ImageDescription,
  index: number,
): NativeFrame {
  const { start, end, bitOffset } = placeOfNativeFrame(image, index);
  return { bytes: file.read(pixelOffset + start, end - start), bitOffset };
}

function placeOfNativeFrame(image: ImageDescription, index: number): { start: number; end: number; bitOffset: number } {
  const bits = nativeFrameBits(image);
  const firstBit = bits * index;
  return { start: Math.floor(firstBit / 8), end: Math.ceil((firstBit + bits) / 8), bitOffset: firstBit % 8 };
}

interface Fragment {
  /** Of its item's tag, counted from the first fragment's: what offset tables hold. */
  readonly tableOffset: number;
  readonly bytes: Uint8Array;
}

/** Which fragments make up each frame. */
export interface EncapsulatedFrames {
  /** `index` counts from 0. */
  frame(index: number): Uint8Array;
}

/** @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT or PIXEL_DATA_MISMATCH */
export function readEncapsulatedFrames(
  dataset: Dataset,
  element: DataElement,
  pixelData: Uint8Array,
  frames: number,
  compression: Compression,
): EncapsulatedFrames {
  if (element.truncated) {
    throw new DafhError("DICOM_TRUNCATED", "the file ends inside its compressed pixel data", { tag: TAG });
  }
  const { basicOffsets, fragments } = readFragments(pixelData);
  const groups =
    byOffsetTable(fragments, dataset.numbers("ExtendedOffsetTable"), frames) ??
    byOffsetTable(fragments, basicOffsets, frames) ??
    byCount(fragments, frames) ??
    byCodestream(fragments, frames, compression);
  if (groups === undefined) {
    throw new DafhError("PIXEL_DATA_MISMATCH", `${fragments.length} fragment(s) do not make ${frames} frame(s)`, {
      tag: TAG,
    });
  }
  const lengths = dataset.numbers("ExtendedOffsetTableLengths");
  return {
    frame(index) {
      const joined = join((groups[index] ?? []).map((fragment) => fragment.bytes));
      // Only the extended table tells the padding byte from the frame's own last byte.
      const length = lengths.length === frames ? lengths[index] : undefined;
      return length !== undefined && length < joined.length ? joined.subarray(0, length) : joined;
    },
  };
}

function readFragments(pixelData: Uint8Array): { basicOffsets: number[]; fragments: Fragment[] } {
  const view = new DataView(pixelData.buffer, pixelData.byteOffset, pixelData.byteLength);
  let basicOffsets: number[] | undefined;
  let origin = 0;
  const fragments: Fragment[] = [];
  walkFragments({ view }, 0, pixelData.length, (offset, length) => {
    if (basicOffsets === undefined) {
      basicOffsets = Array.from({ length: length >> 2 }, (_, index) => view.getUint32(offset + index * 4, true));
      origin = offset + length;
    } else if (length > 0) {
      fragments.push({ tableOffset: offset - 8 - origin, bytes: pixelData.subarray(offset, offset + length) });
    }
  });
  return { basicOffsets: basicOffsets ?? [], fragments };
}

/** undefined where the table does not name the beginning of a fragment for every frame, in order. */
function byOffsetTable(
  fragments: readonly Fragment[],
  offsets: readonly number[],
  frames: number,
): Fragment[][] | undefined {
  if (offsets.length !== frames || offsets[0] !== 0) return undefined;
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    if (fragment.tableOffset === offsets[groups.length]) groups.push([]);
    groups.at(-1)?.push(fragment);
  }
  return groups.length === frames ? groups : undefined;
}

function byCount(fragments: readonly Fragment[], frames: number): Fragment[][] | undefined {
  if (fragments.length === 0) return undefined;
  if (frames === 1) return [[...fragments]];
  return fragments.length === frames ? fragments.map((fragment) => [fragment]) : undefined;
}

/** A frame begins where a codestream does; the fragments after it go on with it. */
function byCodestream(
  fragments: readonly Fragment[],
  frames: number,
  compression: Compression,
): Fragment[][] | undefined {
  // RLE and deflated frames have no mark, and are one fragment each.
  if (compression === "none" || compression === "rle" || compression === "deflated-frame") return undefined;
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    if (startsCodestream(fragment.bytes, compression)) groups.push([]);
    groups.at(-1)?.push(fragment);
  }
  return groups.length === frames ? groups : undefined;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  return Buffer.concat(parts);
}
