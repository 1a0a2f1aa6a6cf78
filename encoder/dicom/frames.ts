/**
 * Pixel data → the bytes of one frame, without copying where they lie together in memory: by position in native pixel
 * data, by offset tables and fragments in encapsulated pixel data (PS3.5 A.4). Decoding is left to `stored-frame.ts`.
 */
import { DafhError } from "../../schemas/index.js";
import { startsCodestream } from "./codestream-headers.js";
import type { Dataset } from "./dataset.js";
import { type DataElement, walkFragments } from "./dataset-reader.js";
import { tagOf } from "./dictionary.js";
import type { ImageDescription } from "./image-description.js";
import type { DicomLimits } from "./limits.js";
import type { Compression } from "./transfer-syntaxes.js";

const TAG = tagOf("PixelData");

/** Bytes in memory, or of a file on disk. `read` gives exactly the bytes asked for, or throws a DafhError. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

/** Where pixel data lies: from `start` of its source on. */
export interface PixelSource {
  readonly source: ByteSource;
  readonly start: number;
}

export function inMemory(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

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
export function nativeFrame({ source, start }: PixelSource, image: ImageDescription, index: number): NativeFrame {
  const bits = nativeFrameBits(image);
  const firstBit = bits * index;
  const firstByte = Math.floor(firstBit / 8);
  const bytes = source.read(start + firstByte, Math.ceil((firstBit + bits) / 8) - firstByte);
  return { bytes, bitOffset: firstBit % 8 };
}

interface Fragment {
  /** Of its item's tag, counted from the first fragment's: what offset tables hold. */
  readonly tableOffset: number;
  /** In the source. */
  readonly offset: number;
  readonly length: number;
}

/** Which fragments make up each frame. */
export interface EncapsulatedFrames {
  /** `index` counts from 0. */
  frame(index: number): Uint8Array;
}

/** @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT, TOO_MANY_ELEMENTS or PIXEL_DATA_MISMATCH */
export function readEncapsulatedFrames(
  dataset: Dataset,
  { source, start }: PixelSource,
  frames: number,
  compression: Compression,
  limits: DicomLimits,
): EncapsulatedFrames {
  const { basicOffsets, fragments } = readFragments(source, start, limits);
  const groups =
    byOffsetTable(fragments, dataset.numbers("ExtendedOffsetTable"), frames) ??
    byOffsetTable(fragments, basicOffsets, frames) ??
    byCount(fragments, frames) ??
    byCodestream(fragments, frames, compression, source);
  if (groups === undefined) {
    throw new DafhError("PIXEL_DATA_MISMATCH", `${fragments.length} fragment(s) do not make ${frames} frame(s)`, {
      tag: TAG,
    });
  }
  const lengths = dataset.numbers("ExtendedOffsetTableLengths");
  return {
    frame(index) {
      const joined = join((groups[index] ?? []).map(({ offset, length }) => source.read(offset, length)));
      // Only the extended table tells the padding byte from the frame's own last byte.
      const length = lengths.length === frames ? lengths[index] : undefined;
      return length !== undefined && length < joined.length ? joined.subarray(0, length) : joined;
    },
  };
}

const PAGE_BYTES = 4096;

/** Numbers of item headers, read a page at a time: those of short fragments come together, of long ones little else. */
class ItemHeaders {
  #page: DataView = new DataView(new ArrayBuffer(0));
  #pageOffset = 0;

  constructor(private readonly source: ByteSource) {}

  getUint16(offset: number, littleEndian: boolean): number {
    return this.#pageWith(offset, 2).getUint16(offset - this.#pageOffset, littleEndian);
  }

  getUint32(offset: number, littleEndian: boolean): number {
    return this.#pageWith(offset, 4).getUint32(offset - this.#pageOffset, littleEndian);
  }

  #pageWith(offset: number, length: number): DataView {
    if (offset < this.#pageOffset || offset + length > this.#pageOffset + this.#page.byteLength) {
      this.#page = viewOf(this.source.read(offset, Math.min(PAGE_BYTES, this.source.size - offset)));
      this.#pageOffset = offset;
    }
    return this.#page;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Reads the offset table and the fragments' headers, and none of what is in them. */
function readFragments(
  source: ByteSource,
  start: number,
  limits: DicomLimits,
): { basicOffsets: number[]; fragments: Fragment[] } {
  let basicOffsets: number[] | undefined;
  let origin = 0;
  let items = 0;
  const fragments: Fragment[] = [];
  const { truncated } = walkFragments({ view: new ItemHeaders(source) }, start, source.size, (offset, length) => {
    if (++items > limits.elements) {
      throw new DafhError("TOO_MANY_ELEMENTS", `more than ${limits.elements} fragments`, { tag: TAG });
    }
    if (basicOffsets === undefined) {
      const table = viewOf(source.read(offset, length));
      basicOffsets = Array.from({ length: length >> 2 }, (_, index) => table.getUint32(index * 4, true));
      origin = offset + length;
    } else if (length > 0) {
      fragments.push({ tableOffset: offset - 8 - origin, offset, length });
    }
  });
  if (truncated) {
    throw new DafhError("DICOM_TRUNCATED", "the file ends inside its compressed pixel data", { tag: TAG });
  }
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
  source: ByteSource,
): Fragment[][] | undefined {
  // RLE and deflated frames have no mark, and are one fragment each.
  if (compression === "none" || compression === "rle" || compression === "deflated-frame") return undefined;
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    const beginning = source.read(fragment.offset, Math.min(4, fragment.length));
    if (startsCodestream(beginning, compression)) groups.push([]);
    groups.at(-1)?.push(fragment);
  }
  return groups.length === frames ? groups : undefined;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  return Buffer.concat(parts);
}
