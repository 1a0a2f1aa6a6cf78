/**
 * Where a file's dataset begins and how it is encoded (PS3.10 section 7): preamble and file meta information, or
 * their absence. Bare datasets, and files whose dataset is not encoded as their header says, are recognised by their
 * first data element.
 */
import { DafhError } from "../../schemas/index.js";
import { type Encoding, isKnownVr, readHeader } from "./dataset-reader.js";
import { DICTIONARY, tagOf } from "./dictionary.js";
import {
  EXPLICIT_BIG_ENDIAN,
  EXPLICIT_LITTLE_ENDIAN,
  IMPLICIT_LITTLE_ENDIAN,
  nativeSyntax,
  type TransferSyntax,
  transferSyntax,
} from "./transfer-syntaxes.js";
import { parseUid } from "./values.js";

export interface FileStart {
  readonly transferSyntax: TransferSyntax;
  readonly datasetOffset: number;
  /** False where there is no "DICM": then only the dataset itself can show that this is DICOM. */
  readonly hasMagic: boolean;
  readonly mediaStorageSopClassUid: string | undefined;
  readonly warnings: string[];
}

const PREAMBLE_LENGTH = 128;
/** A tag, a length and no value. */
const SHORTEST_ELEMENT = 8;
const MAGIC = [0x44, 0x49, 0x43, 0x4d];

/** What other files begin with, to say what was given instead. */
const OTHER_FORMATS: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: "a PNG image", magic: [0x89, 0x50, 0x4e, 0x47] },
  { name: "a JPEG image", magic: [0xff, 0xd8, 0xff] },
  { name: "a gzip archive", magic: [0x1f, 0x8b] },
  { name: "a zip archive", magic: [0x50, 0x4b, 0x03, 0x04] },
  { name: "a PDF document", magic: [0x25, 0x50, 0x44, 0x46] },
];

/** @throws DafhError FILE_EMPTY, NOT_DICOM, DICOM_TRUNCATED, ATTRIBUTE_MISSING or UNSUPPORTED_TRANSFER_SYNTAX */
export function readFileStart(bytes: Uint8Array): FileStart {
  if (bytes.length === 0) throw new DafhError("FILE_EMPTY", "the file has no bytes");
  const magicOffset = [PREAMBLE_LENGTH, 0].find((offset) => matches(bytes, offset, MAGIC));
  if (magicOffset === undefined) refuseOtherFormats(bytes);
  const start = magicOffset === undefined ? 0 : magicOffset + MAGIC.length;
  const meta = readMeta(bytes, start);
  const hasMagic = magicOffset !== undefined;
  if (bytes.length - meta.end < SHORTEST_ELEMENT && (hasMagic || meta.end > start)) {
    throw new DafhError("DICOM_TRUNCATED", "the file ends before its dataset");
  }
  const found = sniffEncoding(bytes, meta.end);
  const common = { datasetOffset: meta.end, hasMagic, mediaStorageSopClassUid: meta.sopClassUid };
  if (meta.transferSyntaxUid === undefined) {
    if (found === undefined) {
      if (hasMagic) {
        throw new DafhError("ATTRIBUTE_MISSING", "no Transfer Syntax UID, and the dataset does not show its encoding", {
          tag: tagOf("TransferSyntaxUID"),
        });
      }
      throw new DafhError("NOT_DICOM", `no Part 10 header, and the file does not begin with a DICOM data element`);
    }
    const warnings = [`no Transfer Syntax UID; read as ${nativeSyntax(found).name}`];
    return { ...common, transferSyntax: nativeSyntax(found), warnings };
  }
  const declared = transferSyntax(meta.transferSyntaxUid);
  if (declared === undefined) {
    throw new DafhError(
      "UNSUPPORTED_TRANSFER_SYNTAX",
      `transfer syntax ${parseUid(meta.transferSyntaxUid) ?? "(not a UID)"} cannot be read`,
      { tag: tagOf("TransferSyntaxUID") },
    );
  }
  if (declared.deflated || found === undefined || sameEncoding(found, declared.encoding)) {
    return { ...common, transferSyntax: declared, warnings: [] };
  }
  // Writers that convert a file and forget its header, or the other way round, are common enough to be read.
  const warnings = [`the header says ${declared.name}, but the dataset is ${nativeSyntax(found).name}`];
  const actual = declared.compression === "none" ? nativeSyntax(found) : { ...declared, encoding: found };
  return { ...common, transferSyntax: actual, warnings };
}

interface Meta {
  readonly end: number;
  readonly transferSyntaxUid: string | undefined;
  readonly sopClassUid: string | undefined;
}

/** Group 0002, by its tags and not by the length it states, which is often wrong. */
function readMeta(bytes: Uint8Array, start: number): Meta {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = start;
  let transferSyntaxUid: string | undefined;
  let sopClassUid: string | undefined;
  for (;;) {
    const header = readHeader({ bytes, view, encoding: EXPLICIT_LITTLE_ENDIAN }, offset, bytes.length);
    if (header === undefined || header.tag >>> 16 !== 0x0002) break;
    const end = header.valueOffset + header.length;
    if (end > bytes.length) throw new DafhError("DICOM_TRUNCATED", "the file ends inside its meta information");
    const text = (): string | undefined =>
      Buffer.from(bytes.buffer, bytes.byteOffset + header.valueOffset, header.length)
        .toString("latin1")
        .replace(/[ \0]+$/, "");
    if (header.tag === DICTIONARY.TransferSyntaxUID.tag && header.length > 0) transferSyntaxUid = text();
    if (header.tag === DICTIONARY.MediaStorageSOPClassUID.tag) sopClassUid = text();
    offset = end;
  }
  return { end: offset, transferSyntaxUid, sopClassUid };
}

/** The encoding that the data element at `offset` shows, or undefined where none fits. */
function sniffEncoding(bytes: Uint8Array, offset: number): Encoding | undefined {
  if (bytes.length - offset < SHORTEST_ELEMENT) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hasVr = isKnownVr(String.fromCharCode(bytes[offset + 4] ?? 0, bytes[offset + 5] ?? 0));
  if (isFirstGroup(view.getUint16(offset, true))) {
    if (hasVr) return EXPLICIT_LITTLE_ENDIAN;
    return view.getUint32(offset + 4, true) <= bytes.length - offset - 8 ? IMPLICIT_LITTLE_ENDIAN : undefined;
  }
  // Implicit big endian never existed.
  return isFirstGroup(view.getUint16(offset, false)) && hasVr ? EXPLICIT_BIG_ENDIAN : undefined;
}

/** Groups that a dataset may begin with: identification, or where that was taken out, what comes next. */
function isFirstGroup(group: number): boolean {
  return group === 0x0004 || group === 0x0008 || group === 0x0010 || group === 0x0018 || group === 0x0028;
}

function sameEncoding(a: Encoding, b: Encoding): boolean {
  return a.explicitVr === b.explicitVr && a.littleEndian === b.littleEndian;
}

function refuseOtherFormats(bytes: Uint8Array): void {
  const format = OTHER_FORMATS.find(({ magic }) => matches(bytes, 0, magic));
  if (format !== undefined) throw new DafhError("NOT_DICOM", `the file is ${format.name}, not DICOM`);
}

function matches(bytes: Uint8Array, offset: number, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[offset + index] === byte);
}
