/**
 * Writes small DICOM files, right or wrong in one respect, for the tests: the reader's counterpart, written from
 * PS3.5 and PS3.10 alone.
 */
import { DICTIONARY, type Keyword } from "../../../encoder/dicom/dictionary.js";

type WrittenValue = string | number | readonly number[] | Uint8Array | Encapsulated | readonly WrittenDataset[];
export type WrittenDataset = { readonly [keyword in Keyword]?: WrittenValue };

export interface WrittenOptions {
  readonly transferSyntax?: string;
  readonly explicitVr?: boolean;
  readonly littleEndian?: boolean;
  /** Of sequences and items. */
  readonly undefinedLength?: boolean;
  readonly preamble?: boolean;
  /** Elements that the dictionary does not have, in their place by tag. */
  readonly others?: readonly { readonly tag: number; readonly vr: string; readonly bytes: Uint8Array }[];
}

const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const LONG = new Set(["OB", "OW", "OF", "OD", "OV", "SQ", "UN"]);

/** 4 × 3 pixels of 16 bits, an MR image. */
export const SMALL_IMAGE: WrittenDataset = {
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.4",
  SOPInstanceUID: "1.2.3.4",
  Modality: "MR",
  Rows: 3,
  Columns: 4,
  SamplesPerPixel: 1,
  PhotometricInterpretation: "MONOCHROME2",
  BitsAllocated: 16,
  BitsStored: 16,
  HighBit: 15,
  PixelRepresentation: 0,
  PixelData: words([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100]),
};

export function words(values: readonly number[], littleEndian = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 2));
  values.forEach((value, index) => {
    view.setUint16(index * 2, value & 0xffff, littleEndian);
  });
  return new Uint8Array(view.buffer);
}

/** Encapsulated pixel data, to be written with undefined length: the offset table, the fragments, the delimiter. */
export class Encapsulated {
  readonly bytes: Uint8Array;

  constructor(fragments: readonly Uint8Array[], offsets: readonly number[] = []) {
    const table = new Uint8Array(new Uint32Array(offsets).buffer);
    const items = [table, ...fragments].flatMap((bytes) => [itemHeader(0xe000, bytes.length, true), bytes]);
    this.bytes = Buffer.concat([...items, itemHeader(0xe0dd, 0, true)]);
  }
}

export function writeFile(dataset: WrittenDataset, options: WrittenOptions = {}): Uint8Array {
  const { transferSyntax = EXPLICIT_LITTLE_ENDIAN, preamble = true } = options;
  const body = writeDataset(dataset, options);
  if (!preamble) return body;
  const meta = writeDataset(
    { MediaStorageSOPClassUID: "1.2.840.10008.5.1.4.1.1.4", TransferSyntaxUID: transferSyntax },
    {},
  );
  return Buffer.concat([new Uint8Array(128), Buffer.from("DICM"), meta, body]);
}

export function writeDataset(dataset: WrittenDataset, options: WrittenOptions): Uint8Array {
  const known = Object.entries(dataset).map(([keyword, value]) => {
    const { tag, vr } = DICTIONARY[keyword as Keyword];
    const sequence = Array.isArray(value) && value.some((item) => typeof item === "object");
    return { tag, bytes: writeElement(tag, sequence ? "SQ" : vr, value as WrittenValue, options) };
  });
  const others = (options.others ?? []).map(({ tag, vr, bytes }) => ({
    tag,
    bytes: writeElement(tag, vr, bytes, options),
  }));
  return Buffer.concat([...known, ...others].sort((a, b) => a.tag - b.tag).map(({ bytes }) => bytes));
}

function writeElement(tag: number, vr: string, value: WrittenValue, options: WrittenOptions): Uint8Array {
  const { explicitVr = true, littleEndian = true } = options;
  const isSequence = vr === "SQ" && !(value instanceof Uint8Array);
  const isOpen = value instanceof Encapsulated || (isSequence && options.undefinedLength === true);
  let bytes = isSequence
    ? writeItems(value as readonly WrittenDataset[], options)
    : writeValue(vr, value, littleEndian);
  if (isSequence && isOpen) bytes = Buffer.concat([bytes, itemHeader(0xe0dd, 0, littleEndian)]);
  const length = isOpen ? 0xffffffff : bytes.length;
  const isLong = explicitVr && LONG.has(vr);
  const header = new DataView(new ArrayBuffer(isLong ? 12 : 8));
  header.setUint16(0, tag >>> 16, littleEndian);
  header.setUint16(2, tag & 0xffff, littleEndian);
  if (explicitVr) {
    header.setUint8(4, vr.charCodeAt(0));
    header.setUint8(5, vr.charCodeAt(1));
    if (isLong) header.setUint32(8, length, littleEndian);
    else header.setUint16(6, length, littleEndian);
  } else header.setUint32(4, length, littleEndian);
  return Buffer.concat([new Uint8Array(header.buffer), bytes]);
}

function writeItems(items: readonly WrittenDataset[], options: WrittenOptions): Uint8Array {
  const { littleEndian = true, undefinedLength = false } = options;
  return Buffer.concat(
    items.flatMap((item) => {
      const body = writeDataset(item, { ...options, others: [] });
      return undefinedLength
        ? [itemHeader(0xe000, 0xffffffff, littleEndian), body, itemHeader(0xe00d, 0, littleEndian)]
        : [itemHeader(0xe000, body.length, littleEndian), body];
    }),
  );
}

function writeValue(vr: string, value: WrittenValue, littleEndian: boolean): Uint8Array {
  if (value instanceof Encapsulated) return value.bytes;
  if (value instanceof Uint8Array) return value.length % 2 === 0 ? value : Buffer.concat([value, new Uint8Array(1)]);
  const numbers = typeof value === "number" ? [value] : Array.isArray(value) ? (value as number[]) : [];
  if (vr === "US") return words(numbers, littleEndian);
  if (vr === "OV") return Uint8Array.from(Buffer.from(new BigUint64Array(numbers.map(BigInt)).buffer));
  const text = typeof value === "string" ? value : numbers.join("\\");
  const padding = text.length % 2 === 0 ? "" : vr === "UI" ? "\0" : " ";
  return Buffer.from(text + padding, "latin1");
}

function itemHeader(element: number, length: number, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint16(0, 0xfffe, littleEndian);
  view.setUint16(2, element, littleEndian);
  view.setUint32(4, length, littleEndian);
  return new Uint8Array(view.buffer);
}
