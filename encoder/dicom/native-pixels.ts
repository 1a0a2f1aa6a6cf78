/**
 * Cells of uncompressed pixel data → stored values (PS3.5 8.1.1, 8.2): unpacking, byte order, colour planes, and the
 * bits that belong to the value. Compressed frames come through here too once a codec has unpacked them.
 */
import type { NativeFrame } from "./frames.js";
import type { ImageDescription } from "./image-description.js";

/** Stored values, pixel by pixel with their samples together; unsigned 32-bit values keep their bits. */
export function nativeValues(frame: NativeFrame, image: ImageDescription, littleEndian: boolean): Int32Array {
  const count = image.rows * image.columns * image.samplesPerPixel;
  const values = readCells(frame, image.bitsAllocated, count, littleEndian);
  extractStoredBits(values, image);
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
 * In place: moves the value down from its high bit, and masks what lies above (overlays in unused bits, PS3.5 8.1.2),
 * with the sign of its own highest bit.
 */
export function extractStoredBits(values: Int32Array, image: ImageDescription): void {
  const { bitsStored, highBit, signed } = image;
  if (bitsStored === 32) return;
  const above = 31 - highBit;
  const below = 32 - bitsStored;
  for (let index = 0; index < values.length; index++) {
    const top = (values[index] ?? 0) << above;
    values[index] = signed ? top >> below : top >>> below;
  }
}

/** As the file has them: unsigned, but for 32 bits, which fill an int32. */
function readCells({ bytes, bitOffset }: NativeFrame, bits: number, count: number, littleEndian: boolean): Int32Array {
  const cells = new Int32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (bits) {
    case 1:
      for (let index = 0; index < count; index++) {
        const bit = bitOffset + index;
        cells[index] = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1;
      }
      break;
    case 8:
      cells.set(bytes.subarray(0, count));
      break;
    case 12:
      readPacked12(bytes, bitOffset, cells);
      break;
    case 16:
      for (let index = 0; index < count; index++) cells[index] = view.getUint16(index * 2, littleEndian);
      break;
    case 32:
      for (let index = 0; index < count; index++) cells[index] = view.getInt32(index * 4, littleEndian);
      break;
    default:
      throw new Error(`no reader for ${bits} bits allocated`);
  }
  return cells;
}

/** Two values in three bytes, the first in the lower bits (PS3.5 annex D.1 as it was until 1998). */
function readPacked12(bytes: Uint8Array, bitOffset: number, cells: Int32Array): void {
  for (let index = 0; index < cells.length; index++) {
    const bit = bitOffset + index * 12;
    const pair = (bytes[bit >> 3] ?? 0) | ((bytes[(bit >> 3) + 1] ?? 0) << 8);
    cells[index] = (pair >> (bit & 7)) & 0xfff;
  }
}

/** RRR… GGG… BBB… → RGBRGB… */
function interleave(planes: Int32Array, pixels: number): Int32Array {
  const values = new Int32Array(planes.length);
  for (let sample = 0; sample < 3; sample++) {
    for (let pixel = 0; pixel < pixels; pixel++) values[pixel * 3 + sample] = planes[sample * pixels + pixel] ?? 0;
  }
  return values;
}
