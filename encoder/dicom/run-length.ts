/**
 * RLE Lossless (PS3.5 annex G): byte planes, most significant first, each packed by PackBits. Our own, because a
 * plane that is too short or too long must be noticed, and 32-bit samples occur.
 */
import { DafhError } from "../../schemas/index.js";
import type { ImageDescription } from "./image-description.js";

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/** Cells with the samples of a pixel together, as unsigned values of `bitsAllocated`. @throws DafhError PIXEL_DATA_MISMATCH, PIXEL_DATA_CORRUPT or UNSUPPORTED_PIXEL_FORMAT */
export function decodeRunLength(bytes: Uint8Array, image: ImageDescription): Int32Array {
  const { samplesPerPixel } = image;
  const bytesPerSample = image.bitsAllocated / 8;
  const expected = bytesPerSample * samplesPerPixel;
  if (!Number.isInteger(bytesPerSample)) {
    throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", `RLE of ${image.bitsAllocated} bits allocated`);
  }
  if (bytes.length < HEADER_BYTES) throw corrupt("the RLE header is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== expected) {
    throw new DafhError(
      "PIXEL_DATA_MISMATCH",
      `${Math.min(segments, MAX_SEGMENTS + 1)} RLE segments; ${samplesPerPixel} sample(s) of ${image.bitsAllocated} bits need ${expected}`,
    );
  }
  const values = new Int32Array(image.rows * image.columns * samplesPerPixel);
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + segment * 4, true);
    const end = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : bytes.length;
    if (start < HEADER_BYTES || end < start || end > bytes.length)
      throw corrupt(`RLE segment ${segment + 1} lies outside the frame`);
    const sample = Math.floor(segment / bytesPerSample);
    unpack(bytes.subarray(start, end), values, { sample, samplesPerPixel, segment: segment + 1 });
  }
  return values;
}

/** Appends a byte to every value of one sample: segments go through a sample's bytes from its most significant one. */
function unpack(
  packed: Uint8Array,
  values: Int32Array,
  { sample, samplesPerPixel, segment }: { sample: number; samplesPerPixel: number; segment: number },
): void {
  const end = values.length;
  let from = 0;
  let to = sample;
  while (to < end) {
    const control = packed[from++];
    if (control === undefined) {
      const [done, all] = [(to - sample) / samplesPerPixel, end / samplesPerPixel];
      throw corrupt(`RLE segment ${segment} ends after ${done} of ${all} pixels`);
    }
    if (control === 128) continue;
    const isRepeat = control > 128;
    const length = isRepeat ? 257 - control : control + 1;
    if (from + (isRepeat ? 1 : length) > packed.length) throw corrupt(`RLE segment ${segment} ends inside a run`);
    // A last run may go past the end of the plane by its padding.
    const runEnd = Math.min(end, to + length * samplesPerPixel);
    if (isRepeat) {
      const value = packed[from++] ?? 0;
      for (; to < runEnd; to += samplesPerPixel) values[to] = ((values[to] ?? 0) << 8) | value;
    } else {
      for (let next = from; to < runEnd; to += samplesPerPixel)
        values[to] = ((values[to] ?? 0) << 8) | (packed[next++] ?? 0);
      from += length;
    }
  }
}

function corrupt(what: string): DafhError {
  return new DafhError("PIXEL_DATA_CORRUPT", what);
}
