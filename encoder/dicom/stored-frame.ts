/**
 * One frame's stored values, whatever its transfer syntax: picks the frame's bytes, decodes them and takes out the
 * bits that belong to the value. What the values mean is `grey-frame.ts`'s matter.
 */
import { inflateRawSync } from "node:zlib";
import { DafhError } from "../../schemas/index.js";
import { decodeCodestream } from "./codecs.js";
import { startsCodestream } from "./codestream-headers.js";
import type { Dataset } from "./dataset.js";
import type { DataElement } from "./dataset-reader.js";
import { tagOf } from "./dictionary.js";
import {
  checkNativeLength,
  isSubsampled,
  nativeFrame,
  nativeFrameBits,
  nativeFrameOnDisk,
  readEncapsulatedFrames,
} from "./frames.js";
import type { ImageDescription } from "./image-description.js";
import { checkRatio, type DicomLimits } from "./limits.js";
import { nativeValues, storedValues, subsampledValues } from "./native-pixels.js";
import { decodeRunLength } from "./run-length.js";
import type { TransferSyntax } from "./transfer-syntaxes.js";

export interface StoredFrame {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: 1 | 3;
  /** rows × columns × samples, row-major, samples of a pixel together; unsigned 32-bit values keep their bits. */
  readonly values: Int32Array;
}

/** A file of which only the beginning is in memory. `read` gives exactly the bytes asked for, or throws a DafhError. */
export interface FileRest {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

/** Gives a frame by its index from 0. */
export type FrameReader = (index: number) => StoredFrame;

/** Checks the pixel data as a whole, and gives what reads its frames one by one. @throws DafhError */
export function openFrames(
  dataset: Dataset,
  image: ImageDescription,
  syntax: TransferSyntax,
  limits: DicomLimits,
  warnings: string[],
  rest?: FileRest,
): FrameReader {
  const element = dataset.element("PixelData");
  const pixelData = dataset.bytes("PixelData");
  if (element === undefined || pixelData === undefined) throw new Error("the caller has checked for pixel data");
  const values = valuesReader(dataset, element, pixelData, image, syntax, limits, warnings, rest);
  const { rows, columns, samplesPerPixel } = image;
  return (index) => ({ rows, columns, samplesPerPixel, values: values(index) });
}

function valuesReader(
  dataset: Dataset,
  element: DataElement,
  pixelData: Uint8Array,
  image: ImageDescription,
  syntax: TransferSyntax,
  limits: DicomLimits,
  warnings: string[],
  rest: FileRest | undefined,
): (index: number) => Int32Array {
  if (!element.undefinedLength) {
    if (syntax.compression !== "none") {
      throw mismatch(`${syntax.name} needs encapsulated pixel data; this is not`);
    }
    const whole = rest === undefined ? element : onDisk(element, rest);
    checkNativeLength(whole, image, warnings);
    return (index) => {
      const frame =
        rest !== undefined && whole !== element
          ? nativeFrameOnDisk(rest, element.offset, image, index)
          : nativeFrame(pixelData, image, index);
      return isSubsampled(image) ? subsampledValues(frame, image) : nativeValues(frame, image, dataset.littleEndian);
    };
  }
  const { compression } = syntax;
  if (compression === "none") throw mismatch(`${syntax.name} cannot have encapsulated pixel data`);
  const encapsulated = readEncapsulatedFrames(dataset, element, pixelData, image.frames, compression);
  return (index) => {
    const bytes = encapsulated.frame(index);
    checkRatio(bytes.length, nativeFrameBits(image) / 8, limits);
    switch (compression) {
      case "deflated-frame":
        return nativeValues({ bytes: inflateFrame(bytes, image), bitOffset: 0 }, image, true);
      case "rle":
        return storedValues(decodeRunLength(bytes, image), image);
      case "jpeg":
      case "jpeg-ls":
      case "jpeg-2000":
      case "htj2k":
        if (!startsCodestream(bytes, compression) && bytes.length === nativeFrameBits(image) / 8) {
          // Written by converters that changed the header and left the pixels as they were.
          noteOnce(warnings, `the frames are not compressed, though the header says ${syntax.name}`);
          return nativeValues({ bytes, bitOffset: 0 }, image, true);
        }
        return storedValues(decodeCodestream(bytes, compression, image), image);
    }
  };
}

/** The element as it is in the whole file. */
function onDisk(element: DataElement, rest: FileRest): DataElement {
  if (element.statedLength === undefined) return element;
  const length = Math.min(element.statedLength, rest.size - element.offset);
  return { ...element, length, truncated: length < element.statedLength };
}

function noteOnce(warnings: string[], note: string): void {
  if (!warnings.includes(note)) warnings.push(note);
}

/** Deflated Image Frame Compression (PS3.5 A.4.13): each frame a raw deflate stream. */
function inflateFrame(bytes: Uint8Array, image: ImageDescription): Uint8Array {
  const expected = Math.ceil(nativeFrameBits(image) / 8);
  let inflated: Uint8Array;
  try {
    inflated = inflateRawSync(bytes, { maxOutputLength: expected + 1 });
  } catch (cause) {
    throw new DafhError("PIXEL_DATA_CORRUPT", "the deflated frame cannot be inflated to its size", {}, { cause });
  }
  if (inflated.length < expected)
    throw mismatch(`the frame inflates to ${inflated.length} bytes instead of ${expected}`);
  return inflated;
}

function mismatch(what: string): DafhError {
  return new DafhError("PIXEL_DATA_MISMATCH", what, { tag: tagOf("PixelData") });
}
