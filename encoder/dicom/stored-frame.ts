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
  type ByteSource,
  checkNativeLength,
  inMemory,
  isSubsampled,
  nativeFrame,
  nativeFrameBits,
  type PixelSource,
  readEncapsulatedFrames,
} from "./frames.js";
import type { ImageDescription } from "./image-description.js";
import { checkRatio, type DicomLimits } from "./limits.js";
import { type Cells, nativeValues, type StoredValues, storedValues, subsampledValues } from "./native-pixels.js";
import { decodeRunLength } from "./run-length.js";
import type { TransferSyntax } from "./transfer-syntaxes.js";

export interface StoredFrame {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: 1 | 3;
  /**
   * rows × columns × samples, row-major, samples of a pixel together. Not to be written to, as it may be a view of the
   * file's bytes, and valid until another frame of the file is read.
   */
  readonly values: StoredValues;
}

/** Gives a frame by its index from 0. */
export type FrameReader = (index: number) => StoredFrame;

/**
 * Checks the pixel data as a whole, and gives what reads its frames one by one.
 *
 * @param rest the whole file, where only its beginning is in memory @throws DafhError
 */
export function openFrames(
  dataset: Dataset,
  image: ImageDescription,
  syntax: TransferSyntax,
  limits: DicomLimits,
  warnings: string[],
  rest?: ByteSource,
): FrameReader {
  const element = dataset.element("PixelData");
  const pixelData = dataset.bytes("PixelData");
  if (element === undefined || pixelData === undefined) throw new Error("the caller has checked for pixel data");
  const source: PixelSource =
    rest === undefined ? { source: inMemory(pixelData), start: 0 } : { source: rest, start: element.offset };
  const values = element.undefinedLength
    ? encapsulatedValues(dataset, source, image, syntax, limits, warnings)
    : uncompressedValues(
        dataset,
        rest === undefined ? element : onDisk(element, rest),
        source,
        image,
        syntax,
        warnings,
      );
  const { rows, columns, samplesPerPixel } = image;
  return (index) => ({ rows, columns, samplesPerPixel, values: values(index) });
}

type ValuesReader = (index: number) => StoredValues;

function uncompressedValues(
  dataset: Dataset,
  element: DataElement,
  source: PixelSource,
  image: ImageDescription,
  { compression, name }: TransferSyntax,
  warnings: string[],
): ValuesReader {
  if (compression !== "none") throw mismatch(`${name} needs encapsulated pixel data; this is not`);
  checkNativeLength(element, image, warnings);
  return (index) => {
    const frame = nativeFrame(source, image, index);
    return isSubsampled(image) ? subsampledValues(frame, image) : nativeValues(frame, image, dataset.littleEndian);
  };
}

function encapsulatedValues(
  dataset: Dataset,
  source: PixelSource,
  image: ImageDescription,
  { compression, name }: TransferSyntax,
  limits: DicomLimits,
  warnings: string[],
): ValuesReader {
  if (compression === "none") throw mismatch(`${name} cannot have encapsulated pixel data`);
  const encapsulated = readEncapsulatedFrames(dataset, source, image.frames, compression, limits);
  const own = ownCells();
  return (index) => {
    const bytes = encapsulated.frame(index);
    checkRatio(bytes.length, nativeFrameBits(image) / 8, limits);
    if (compression === "deflated-frame")
      return nativeValues({ bytes: inflateFrame(bytes, image), bitOffset: 0 }, image, true);
    if (compression === "rle") return storedValues(own(decodeRunLength(bytes, image)), image);
    if (!startsCodestream(bytes, compression) && bytes.length === nativeFrameBits(image) / 8) {
      // Written by converters that changed the header and left the pixels as they were.
      noteOnce(warnings, `the frames are not compressed, though the header says ${name}`);
      return nativeValues({ bytes, bitOffset: 0 }, image, true);
    }
    const { cells, bits } = decodeCodestream(bytes, compression, image);
    return storedValues(compression === "jpeg-ls" ? own(cells) : cells, image, bits);
  };
}

/**
 * Copies cells out of a decoder's memory, frame after frame into the same array: with one of its own for each, the
 * collection of garbage takes as long as the unpacking of RLE.
 */
function ownCells(): (cells: Cells) => Cells {
  let own: Cells | undefined;
  return (cells) => {
    // Frames of one image may differ in their codestream's precision.
    if (own?.BYTES_PER_ELEMENT === cells.BYTES_PER_ELEMENT) own.set(cells);
    else own = cells.slice();
    return own;
  };
}

/** The element as it is in the whole file. */
function onDisk(element: DataElement, rest: ByteSource): DataElement {
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
