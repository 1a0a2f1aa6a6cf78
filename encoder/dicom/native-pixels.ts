/**
 * Cells of uncompressed pixel data → stored values (PS3.5 8.1.1, 8.2): unpacking, byte order, colour planes, and the
 * bits that belong to the value. Compressed frames come through here too once a codec has unpacked them.
 */
import { endianness } from "node:os";
import type { NativeFrame } from "./frames.js";
import type { ImageDescription } from "./image-description.js";

/** One number a sample, as the file has them: unsigned, but for 32 bits, which fill an int32. An Int32Array is its taker's own. */
export type Cells = Uint8Array | Uint16Array | Int32Array;

const HOST_IS_LITTLE_ENDIAN = endianness() === "LE";

/** Stored values, pixel by pixel with their samples together; unsigned 32-bit values keep their bits. */
export function nativeValues(frame: NativeFrame, image: ImageDescription, littleEndian: boolean): Int32Array {
  const count = image.rows * image.columns * image.samplesPerPixel;
  const values = storedValues(readCells(frame, image.bitsAllocated, count, littleEndian), image);
  return image.planar ? interleave(values, image.rows * image.columns) : values;
}

/** YBR_FULL_422: Y Y Cb Cr for each pair of pixels of a row; both get the pair's chroma (PS3.3 C.7.6.3.1.2). */
export function subsampledValues(frame: NativeFrame, image: ImageDescription): Int32Array {
  const pixels = image.rows * image.columns;
  const cells = readCells(frame, image.bitsAllocated, pixels * 2, true);
  const values = new Int32Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const pair = (pixel >> 1) * 4;
    values[pixel * 3] = cells[pair + (pixel & 1)] ?? 0;
    values[pixel * 3 + 1] = cells[pair + 2] ?? 0;
    values[pixel * 3 + 2] = cells[pair + 3] ?? 0;
  }
  return values;
}

/**
 * Moves each value down from its high bit, and masks what lies above (overlays in unused bits, PS3.5 8.1.2), with the
 * sign of its own highest bit.
 */
export function storedValues(cells: Cells, { bitsStored, highBit, signed }: ImageDescription): Int32Array {
  // Widened first: that is one native copy, and the loop below then meets one kind of array only.
  const values = cells instanceof Int32Array ? cells : new Int32Array(cells.length);
  if (cells !== values) values.set(cells);
  const cellBits = cells.BYTES_PER_ELEMENT * 8;
  if (bitsStored === cellBits && (!signed || cellBits === 32)) return values;
  const above = 31 - highBit;
  const below = 32 - bitsStored;
  if (signed)
    for (let index = 0; index < values.length; index++) values[index] = ((values[index] ?? 0) << above) >> below;
  else for (let index = 0; index < values.length; index++) values[index] = ((values[index] ?? 0) << above) >>> below;
  return values;
}

/** 16-bit cells: a view where the bytes lie as this machine has them, else a copy. */
export function cells16(bytes: Uint8Array, count: number, littleEndian: boolean): Uint16Array {
  const needed = bytes.subarray(0, count * 2);
  if (littleEndian === HOST_IS_LITTLE_ENDIAN && needed.byteOffset % 2 === 0) return viewed16(needed);
  // Not `slice`: of a Buffer it copies nothing.
  const copy = new Uint8Array(needed);
  if (littleEndian !== HOST_IS_LITTLE_ENDIAN) Buffer.from(copy.buffer).swap16();
  return viewed16(copy);
}

const viewed16 = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array =>
  new Uint16Array(buffer, byteOffset, byteLength >> 1);

function readCells({ bytes, bitOffset }: NativeFrame, bits: number, count: number, littleEndian: boolean): Cells {
  switch (bits) {
    case 1:
      return Uint8Array.from({ length: count }, (_, index) => {
        const bit = bitOffset + index;
        return ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1;
      });
    case 8:
      return bytes.subarray(0, count);
    case 12:
      return readPacked12(bytes, bitOffset, count);
    case 16:
      return cells16(bytes, count, littleEndian);
    case 32: {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const cells = new Int32Array(count);
      for (let index = 0; index < count; index++) cells[index] = view.getInt32(index * 4, littleEndian);
      return cells;
    }
    default:
      throw new Error(`no reader for ${bits} bits allocated`);
  }
}

/** Two values in three bytes, the first in the lower bits (PS3.5 annex D.1 as it was until 1998). */
function readPacked12(bytes: Uint8Array, bitOffset: number, count: number): Uint16Array {
  const cells = new Uint16Array(count);
  for (let index = 0; index < count; index++) {
    const bit = bitOffset + index * 12;
    const pair = (bytes[bit >> 3] ?? 0) | ((bytes[(bit >> 3) + 1] ?? 0) << 8);
    cells[index] = (pair >> (bit & 7)) & 0xfff;
  }
  return cells;
}

/** RRR… GGG… BBB… → RGBRGB… */
function interleave(planes: Int32Array, pixels: number): Int32Array {
  const values = new Int32Array(planes.length);
  for (let sample = 0; sample < 3; sample++) {
    for (let pixel = 0; pixel < pixels; pixel++) values[pixel * 3 + sample] = planes[sample * pixels + pixel] ?? 0;
  }
  return values;
}
