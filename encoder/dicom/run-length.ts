/**
 * RLE Lossless (PS3.5 annex G): byte planes, most significant first, each packed by PackBits. Our own, because a
 * plane that is too short or too long must be noticed, and 32-bit samples occur. The planes are unpacked by a small
 * WebAssembly module, well over twice as fast as a loop of JavaScript (`bench/decode.md`).
 */
import { DafhError } from "../../schemas/index.js";
import type { ImageDescription } from "./image-description.js";
import { type Cells, wholeCells } from "./native-pixels.js";
import { UNPACK_PLANE } from "./unpack-plane.generated.js";

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/**
 * Cells with the samples of a pixel together, of `bitsAllocated`, in the unpacker's memory: valid until it is used again.
 *
 * @throws DafhError PIXEL_DATA_MISMATCH, PIXEL_DATA_CORRUPT or UNSUPPORTED_PIXEL_FORMAT
 */
export function decodeRunLength(bytes: Uint8Array, image: ImageDescription): Cells {
  const { samplesPerPixel } = image;
  const bytesPerSample = image.bitsAllocated / 8;
  const expected = bytesPerSample * samplesPerPixel;
  if (bytesPerSample !== 1 && bytesPerSample !== 2 && bytesPerSample !== 4) {
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
  const pixels = image.rows * image.columns;
  const planes = new PlaneUnpacker(pixels, expected);
  // From the last one: low bytes of 16 bits are written together with the high bytes after them.
  for (let segment = segments - 1; segment >= 0; segment--) {
    const start = view.getUint32(4 + segment * 4, true);
    const end = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : bytes.length;
    if (start < HEADER_BYTES || end < start || end > bytes.length)
      throw corrupt(`RLE segment ${segment + 1} lies outside the frame`);
    // A sample's planes come from its most significant byte on; in its cell that one is the last.
    const sample = Math.floor(segment / bytesPerSample);
    const byte = (sample + 1) * bytesPerSample - 1 - (segment % bytesPerSample);
    const done = planes.unpack(bytes.subarray(start, end), byte);
    if (done < 0) throw corrupt(`RLE segment ${segment + 1} ends inside a run`);
    if (done < pixels) throw corrupt(`RLE segment ${segment + 1} ends after ${done} of ${pixels} pixels`);
  }
  return wholeCells(planes.cells(), pixels * samplesPerPixel, bytesPerSample, true);
}

/** What `unpack-plane.c` exports, its pointers as offsets in its memory. */
interface UnpackPlane {
  readonly memory: WebAssembly.Memory;
  unpackBytes(packed: number, length: number, cells: number, pixels: number, step: number): number;
  unpackLowBytes(packed: number, length: number, cells: number, pixels: number): number;
}

const MEMORY_PAGE = 65_536;
/** Of literals. */
const LONGEST_RUN = 128;
/** More than the module reads or writes past the end of what it is given. */
const SLACK_BYTES = 128;

// The cast holds for the very module that was compiled from its source.
const { memory, unpackBytes, unpackLowBytes } = new WebAssembly.Instance(
  new WebAssembly.Module(Buffer.from(UNPACK_PLANE.wasmBase64, "base64")),
).exports as unknown as UnpackPlane;

/** One frame in the module's memory: first its cells, then the plane that is being unpacked. */
class PlaneUnpacker {
  readonly #cells = MEMORY_PAGE;
  readonly #packed: number;
  /** Runs of one pixel take two bytes each, and only the last one may be longer than what is left to unpack. */
  readonly #mostPacked: number;

  constructor(
    private readonly pixels: number,
    private readonly bytesPerPixel: number,
  ) {
    this.#mostPacked = pixels * 2 + LONGEST_RUN;
    this.#packed = this.#cells + pixels * bytesPerPixel + SLACK_BYTES;
    const missing = this.#packed + this.#mostPacked + SLACK_BYTES - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / MEMORY_PAGE));
  }

  /** Pixels unpacked; negative where the plane ends inside a run. @param byte of a pixel, where the plane's bytes go */
  unpack(plane: Uint8Array, byte: number): number {
    const packed = plane.subarray(0, this.#mostPacked);
    new Uint8Array(memory.buffer).set(packed, this.#packed);
    return this.bytesPerPixel === 2 && byte === 0
      ? unpackLowBytes(this.#packed, packed.length, this.#cells, this.pixels)
      : unpackBytes(this.#packed, packed.length, this.#cells + byte, this.pixels, this.bytesPerPixel);
  }

  cells(): Uint8Array {
    return new Uint8Array(memory.buffer, this.#cells, this.pixels * this.bytesPerPixel);
  }
}

function corrupt(what: string): DafhError {
  return new DafhError("PIXEL_DATA_CORRUPT", what);
}
