/**
 * Colour frames → one grey value a pixel: luma, because a colour image is looked at for its shapes here. Palettes
 * are followed first (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6).
 */
import { DafhError } from "../../schemas/index.js";
import type { Dataset } from "./dataset.js";
import { type Keyword, nameOf, tagOf } from "./dictionary.js";
import type { StoredFrame } from "./stored-frame.js";

/** ITU-R BT.601, as in YBR_FULL (PS3.3 C.7.6.3.1.2). */
const RED = 0.299;
const GREEN = 0.587;
const BLUE = 0.114;

/** RGB, or what codecs give for YBR_RCT and YBR_ICT → 0 to 255. */
export function luma(frame: StoredFrame, bitsStored: number): Float32Array {
  const { values } = frame;
  const grey = new Float32Array(frame.rows * frame.columns);
  const unit = 255 / (2 ** bitsStored - 1);
  for (let pixel = 0; pixel < grey.length; pixel++) {
    const at = pixel * 3;
    const red = values[at] ?? 0;
    const green = values[at + 1] ?? 0;
    const blue = values[at + 2] ?? 0;
    grey[pixel] = (RED * red + GREEN * green + BLUE * blue) * unit;
  }
  return grey;
}

/** YBR_FULL and YBR_FULL_422 → 0 to 255: the first sample is the luma. */
export function firstSample(frame: StoredFrame, bitsStored: number): Float32Array {
  const grey = new Float32Array(frame.rows * frame.columns);
  const unit = 255 / (2 ** bitsStored - 1);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = (frame.values[pixel * 3] ?? 0) * unit;
  return grey;
}

/** PALETTE COLOR → luma, 0 to 255. @throws DafhError ATTRIBUTE_MISSING or ATTRIBUTE_INVALID */
export function paletteLuma(frame: StoredFrame, dataset: Dataset): Float32Array {
  const red = readPalette(dataset, "RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData");
  const green = readPalette(dataset, "GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData");
  const blue = readPalette(dataset, "BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData");
  return Float32Array.from(frame.values, (value) => RED * red(value) + GREEN * green(value) + BLUE * blue(value));
}

/** Stored value → 0 to 255; values outside take the table's ends. */
function readPalette(dataset: Dataset, descriptorKeyword: Keyword, dataKeyword: Keyword): (value: number) => number {
  const [length = 0, first = 0, bits = 0] = dataset.numbers(descriptorKeyword);
  const bytes = dataset.bytes(dataKeyword);
  if (bytes === undefined || bits === 0) {
    throw new DafhError("ATTRIBUTE_MISSING", `${nameOf(dataKeyword)} or its descriptor is missing`, {
      tag: tagOf(dataKeyword),
    });
  }
  // 0 stands for 2^16, which does not fit its 16 bits.
  const entries = length === 0 ? 65_536 : length;
  const wide = bytes.length >= entries * 2;
  if (bytes.length < entries) {
    throw new DafhError("ATTRIBUTE_INVALID", `${nameOf(dataKeyword)} has fewer than ${entries} entries`, {
      tag: tagOf(dataKeyword),
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Float32Array.from({ length: entries }, (_, index) =>
    wide ? view.getUint16(index * 2, dataset.littleEndian) / (bits > 8 ? 257 : 1) : view.getUint8(index),
  );
  return (value) => table[Math.min(Math.max(value - first, 0), entries - 1)] ?? 0;
}
