/**
 * RLE Lossless (PS3.5 annex G): byte planes, most significant first, each packed by PackBits. Our own, because a
 * plane that is too short or too long must be noticed, and 32-bit samples occur.
 */
import { DafhError } from "../../schemas/index.js";
import type { ImageDescription } from "./image-description.js";

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/** Cells with the samples of a pixel together, as unsigned values of `bitsAllocated`. @throws DafhError PIXEL_DATA_MISMATCH or PIXEL_DATA_CORRUPT */
export function decodeRunLength(bytes: Uint8Array, image: ImageDescription): Int32Array {
  const pixels = image.rows * image.columns;
  const bytesPerSample = image.bitsAllocated / 8;
  const expected = bytesPerSample * image.samplesPerPixel;
  if (!Number.isInteger(bytesPerSample)) {
    throw new DafhError("UNSUPPORTED_PIXEL_FORMAT", `RLE of ${image.bitsAllocated} bits allocated`);
  }
  if (bytes.length < HEADER_BYTES) throw corrupt("the RLE header is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== expected) {
    throw new DafhError(
      "PIXEL_DATA_MISMATCH",
      `${Math.min(segments, MAX_SEGMENTS + 1)} RLE segments; ${image.samplesPerPixel} sample(s) of ${image.bitsAllocated} bits need ${expected}`,
    );
  }
  const values = new Int32Array(pixels * image.samplesPerPixel);
  const plane = new Uint8Array(pixels);
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + segment * 4, true);
    const end = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : bytes.length;
    if (start < HEADER_BYTES || end < start || end > bytes.length)
      throw corrupt(`RLE segment ${segment + 1} lies outside the frame`);
    unpack(bytes.subarray(start, end), plane, segment + 1);
    const sample = Math.floor(segment / bytesPerSample);
    for (let pixel = 0; pixel < pixels; pixel++) {
      const at = pixel * image.samplesPerPixel + sample;
      values[at] = ((values[at] ?? 0) << 8) | (plane[pixel] ?? 0);
    }
  }
  return values;
}

function unpack(packed: Uint8Array, plane: Uint8Array, segment: number): void {
  let from = 0;
  let to = 0;
  while (to < plane.length) {
    const control = packed[from++];
    if (control === undefined) throw corrupt(`RLE segment ${segment} ends after ${to} of ${plane.length} pixels`);
    if (control < 128) {
      const length = control + 1;
      if (from + length > packed.length) throw corrupt(`RLE segment ${segment} ends inside a run`);
      // A last run may go past the end of the plane by its padding.
      plane.set(packed.subarray(from, from + Math.min(length, plane.length - to)), to);
      from += length;
      to += length;
    } else if (control > 128) {
      const value = packed[from++];
      if (value === undefined) throw corrupt(`RLE segment ${segment} ends inside a run`);
      plane.fill(value, to, to + 257 - control);
      to += 257 - control;
    }
  }
}

function corrupt(what: string): DafhError {
  return new DafhError("PIXEL_DATA_CORRUPT", what);
}
