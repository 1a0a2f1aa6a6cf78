/**
 * Cells of uncompressed pixel data → stored values (PS3.5 8.1.1, 8.2): unpacking, byte order, colour planes, and the
 * bits that belong to the value. Compressed frames come through here too once a codec has unpacked them.
 */
import { endianness } from "node:os";
import type { NativeFrame } from "./frames.js";
import type { ImageDescription } from "./image-description.js";

/** One number a sample as the file has them, unsigned. Often a view of the file's bytes, so never written to. */
export type Cells = Uint8Array | Uint16Array | Uint32Array;

/** As `Cells`, with signs. */
export type StoredValues = Cells | Int8Array | Int16Array | Int32Array;

const HOST_IS_LITTLE_ENDIAN = endianness() === "LE";

/** Stored values, pixel by pixel with their samples together. */
export function nativeValues(frame: NativeFrame, image: ImageDescription, littleEndian: boolean): StoredValues {
  const count = image.rows * image.columns * image.samplesPerPixel;
  const values = storedValues(readCells(frame, image.bitsAllocated, count, littleEndian), image);
  return image.planar ? interleave(values, image.rows * image.columns) : values;
}

/** YBR_FULL_422: Y Y Cb Cr for each pair of pixels of a row; both get the pair's chroma (PS3.3 C.7.6.3.1.2). */
export function subsampledValues(frame: NativeFrame, image: ImageDescription): StoredValues {
  const pixels = image.rows * image.columns;
  const cells = readCells(frame, image.bitsAllocated, pixels * 2, true);
  const values = new Uint32Array(pixels * 3);
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
 * sign of its own highest bit. Most files keep nothing there: then the cells are the values.
 *
 * @param bits that a cell is known to use
 */
export function storedValues(
  cells: Cells,
  { bitsStored, highBit, signed }: ImageDescription,
  bits = cells.BYTES_PER_ELEMENT * 8,
): StoredValues {
  const cellBits = cells.BYTES_PER_ELEMENT * 8;
  // Codecs give 8-bit cells where these suffice; the sign bit of wider values is then 0.
  const values = signed && bitsStored <= cellBits ? signedView(cells) : cells;
  const fills = bitsStored >= (signed ? cellBits : bits);
  if (highBit === bitsStored - 1 && (fills || !hasStrayBits(cells, bitsStored, signed))) return values;
  const own = values.slice();
  const above = 31 - highBit;
  const below = 32 - bitsStored;
  if (signed) for (let index = 0; index < own.length; index++) own[index] = ((cells[index] ?? 0) << above) >> below;
  else for (let index = 0; index < own.length; index++) own[index] = ((cells[index] ?? 0) << above) >>> below;
  return own;
}

/** Whether a bit above a value's own is not what it must be for the cell to be the value: 0, or the sign. */
function hasStrayBits(cells: Cells, bitsStored: number, signed: boolean): boolean {
  const { buffer, byteOffset, byteLength } = cells;
  const cellBits = cells.BYTES_PER_ELEMENT * 8;
  let above = 0;
  for (let bit = 0; bit < 32; bit++) if (bit % cellBits >= bitsStored) above |= 1 << bit;
  // As many cells at a time as 32 bits hold; those before and after whole words go into words of their own.
  const head = Math.min(byteLength, -byteOffset & 3);
  const count = (byteLength - head) >> 2;
  const words = count === 0 ? new Int32Array(0) : new Int32Array(buffer, byteOffset + head, count);
  const edges = new Uint8Array(8);
  edges.set(new Uint8Array(buffer, byteOffset, head));
  edges.set(new Uint8Array(buffer, byteOffset + head + words.byteLength, (byteLength - head) & 3), 4);
  return hasStrayBitsIn(words, above, signed) || hasStrayBitsIn(new Int32Array(edges.buffer), above, signed);
}

function hasStrayBitsIn(words: Int32Array, above: number, signed: boolean): boolean {
  let found = 0;
  let index = 0;
  // In signed values each bit above must be as the one below it, down to the value's highest.
  if (signed) for (; index < words.length; index++) found |= (words[index] ?? 0) ^ ((words[index] ?? 0) << 1);
  else {
    // Four in a step take half the time.
    for (; index + 4 <= words.length; index += 4)
      found |= (words[index] ?? 0) | (words[index + 1] ?? 0) | (words[index + 2] ?? 0) | (words[index + 3] ?? 0);
    for (; index < words.length; index++) found |= words[index] ?? 0;
  }
  return (found & above) !== 0;
}

/** Cells of 1, 2 or 4 bytes: a view where the bytes lie as this machine has them, else a copy. */
export function wholeCells(bytes: Uint8Array, count: number, width: 1 | 2 | 4, littleEndian: boolean): Cells {
  let lie = bytes.subarray(0, count * width);
  const isSwapped = width > 1 && littleEndian !== HOST_IS_LITTLE_ENDIAN;
  if (isSwapped || lie.byteOffset % width !== 0) {
    // Not `slice`: of a Buffer it copies nothing.
    lie = new Uint8Array(lie);
    if (isSwapped) swapBytes(Buffer.from(lie.buffer), width);
  }
  switch (width) {
    case 1:
      return new Uint8Array(lie.buffer, lie.byteOffset, lie.length);
    case 2:
      return new Uint16Array(lie.buffer, lie.byteOffset, lie.length >> 1);
    case 4:
      return new Uint32Array(lie.buffer, lie.byteOffset, lie.length >> 2);
  }
}

function swapBytes(cells: Buffer, width: 1 | 2 | 4): void {
  if (width === 2) cells.swap16();
  else cells.swap32();
}

function signedView({ buffer, byteOffset, length, BYTES_PER_ELEMENT }: Cells): StoredValues {
  switch (BYTES_PER_ELEMENT) {
    case 1:
      return new Int8Array(buffer, byteOffset, length);
    case 2:
      return new Int16Array(buffer, byteOffset, length);
    default:
      return new Int32Array(buffer, byteOffset, length);
  }
}

function readCells({ bytes, bitOffset }: NativeFrame, bits: number, count: number, littleEndian: boolean): Cells {
  switch (bits) {
    case 1:
      return readBits(bytes, bitOffset, count);
    case 8:
    case 16:
    case 32:
      return wholeCells(bytes, count, (bits / 8) as 1 | 2 | 4, littleEndian);
    case 12:
      return readPacked12(bytes, bitOffset, count);
    default:
      throw new Error(`no reader for ${bits} bits allocated`);
  }
}

/** Eight values in a byte, the first in the lowest bit (PS3.5 8.1.1). */
function readBits(bytes: Uint8Array, bitOffset: number, count: number): Uint8Array {
  const cells = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const bit = bitOffset + index;
    cells[index] = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1;
  }
  return cells;
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
function interleave(planes: StoredValues, pixels: number): StoredValues {
  const values = planes.slice();
  for (let sample = 0; sample < 3; sample++) {
    for (let pixel = 0; pixel < pixels; pixel++) values[pixel * 3 + sample] = planes[sample * pixels + pixel] ?? 0;
  }
  return values;
}
