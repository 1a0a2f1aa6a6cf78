/**
 * PNG and JPEG files as grey images, for queries and for the labelled training set. What else sharp could open
 * (SVG, TIFF, HEIF …) is refused before it gets there.
 */
import sharp, { type Metadata, type Sharp } from "sharp";
import { DafhError } from "../../schemas/index.js";
import type { GreyImage } from "./grey-image.js";

/** 64 megapixels: four times the largest mammogram, 256 MB as float32. */
const MAX_PIXELS = 64 * 1024 * 1024;

/** ITU-R BT.601 luma; the three add up to 1, so grey stored as RGB stays as it is. */
const RED = 0.299;
const GREEN = 0.587;
const BLUE = 0.114;

export function isImageFile(bytes: Uint8Array): boolean {
  return startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) || startsWith(bytes, [0xff, 0xd8, 0xff]);
}

/**
 * Upright as EXIF says, transparency over black, colour to luma, 16 bits kept as fractions of 0 to 255. Embedded
 * colour profiles are ignored: the numbers in the file are what was exported from the viewer.
 * @throws DafhError FILE_EMPTY, UNSUPPORTED_IMAGE, TOO_MANY_PIXELS or IMAGE_CORRUPT
 */
export async function readImageFile(bytes: Uint8Array): Promise<GreyImage> {
  if (bytes.length === 0) throw new DafhError("FILE_EMPTY", "the file has no bytes");
  if (!isImageFile(bytes)) {
    throw new DafhError("UNSUPPORTED_IMAGE", "the file begins neither as a PNG nor as a JPEG image");
  }
  const metadata = await readMetadata(bytes);
  const pixels = metadata.width * metadata.height;
  if (pixels > MAX_PIXELS) {
    throw new DafhError(
      "TOO_MANY_PIXELS",
      `the image has ${metadata.width} × ${metadata.height} pixels; the limit is ${MAX_PIXELS} in all`,
    );
  }
  const sixteenBit = metadata.depth === "ushort";
  try {
    // Without toColourspace sharp would bring 16-bit grey down to 8 bits.
    const { data, info } = await open(bytes)
      .autoOrient()
      .flatten({ background: "#000000" })
      .toColourspace(sixteenBit ? (metadata.space === "grey16" ? "grey16" : "rgb16") : "srgb")
      .raw({ depth: sixteenBit ? "ushort" : "uchar" })
      .toBuffer({ resolveWithObject: true });
    const samples = sixteenBit ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
    const values = toLuma(samples, info.width * info.height, info.channels, sixteenBit ? 257 : 1);
    return { rows: info.height, columns: info.width, values, scale: "display" };
  } catch (cause) {
    throw corrupt(cause);
  }
}

function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { failOn: "truncated", limitInputPixels: false, ignoreIcc: true, pages: 1 });
}

async function readMetadata(bytes: Uint8Array): Promise<Metadata> {
  try {
    return await open(bytes).metadata();
  } catch (cause) {
    throw corrupt(cause);
  }
}

function corrupt(cause: unknown): DafhError {
  const reason = cause instanceof Error ? cause.message.split("\n")[0] : "unknown reason";
  return new DafhError("IMAGE_CORRUPT", `the PNG or JPEG image cannot be decoded: ${reason}`, {}, { cause });
}

/** Interleaved samples to one grey value a pixel, each divided by `unit`. */
function toLuma(samples: Uint8Array | Uint16Array, pixels: number, channels: number, unit: number): Float32Array {
  const values = new Float32Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const red = samples[pixel * channels] ?? 0;
    const green = channels < 3 ? red : (samples[pixel * channels + 1] ?? 0);
    const blue = channels < 3 ? red : (samples[pixel * channels + 2] ?? 0);
    values[pixel] = (red === green && green === blue ? red : RED * red + GREEN * green + BLUE * blue) / unit;
  }
  return values;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}
