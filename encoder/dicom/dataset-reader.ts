/**
 * Bytes → data elements (PS3.5 7.1): finds where each value lies, without copying or interpreting it. Sequences are
 * only walked over where their length is undefined; their items are read when somebody asks (`dataset.ts`), so that a
 * damaged private sequence does not cost the image.
 */
import { DafhError } from "../../schemas/index.js";
import { DICTIONARY, formatTag } from "./dictionary.js";
import { type DicomLimits, isLimit } from "./limits.js";

export interface Encoding {
  readonly explicitVr: boolean;
  readonly littleEndian: boolean;
}

export interface DataElement {
  readonly tag: number;
  /** As the file has it; "" in implicit VR. */
  readonly vr: string;
  /** Where the value begins, and its bytes; delimiters are not counted. */
  readonly offset: number;
  readonly length: number;
  readonly undefinedLength: boolean;
  /** The value goes on past the end of the file; only ever true of pixel data. */
  readonly truncated: boolean;
  /** Of pixel data that goes past the end of the bytes. */
  readonly statedLength?: number;
}

/** What one file may still use up, shared by all the datasets in it. */
interface ReadBudget {
  elementsLeft: number;
  readonly limits: DicomLimits;
}

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED_LENGTH = 0xffffffff;

/** Representations whose explicit header has two reserved bytes and a 32-bit length (PS3.5 table 7.1-1). */
const LONG_HEADER = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const SHORT_HEADER = new Set(
  [
    "AE",
    "AS",
    "AT",
    "CS",
    "DA",
    "DS",
    "DT",
    "FD",
    "FL",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "SL",
    "SS",
    "ST",
    "TM",
    "UI",
  ].concat(["UL", "US"]),
);
const PIXEL_TAGS: ReadonlySet<number> = new Set([
  DICTIONARY.PixelData.tag,
  DICTIONARY.FloatPixelData.tag,
  DICTIONARY.DoubleFloatPixelData.tag,
]);

export const isKnownVr = (vr: string): boolean => LONG_HEADER.has(vr) || SHORT_HEADER.has(vr);

export interface Scope {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly encoding: Encoding;
  readonly budget: ReadBudget;
  readonly depth: number;
}

interface Header {
  readonly tag: number;
  readonly vr: string;
  readonly valueOffset: number;
  readonly length: number;
}

/** The data elements between `start` and `end`, by tag. @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT, TOO_MANY_ELEMENTS or SEQUENCES_TOO_DEEP, with the tag */
export function scanElements(
  scope: Scope,
  start: number,
  end: number,
  warnings: string[],
): ReadonlyMap<number, DataElement> {
  const elements = new Map<number, DataElement>();
  let offset = start;
  let hasPixels = false;
  while (offset < end) {
    const header = readHeader(scope, offset, end);
    if (header === undefined || header.tag === ITEM_END) {
      if (header === undefined && !hasPixels && hasContent(scope.bytes, offset, end)) {
        throw new DafhError("DICOM_TRUNCATED", `the dataset ends inside a data element's header at byte ${offset}`);
      }
      break;
    }
    // Zeros behind the image fill a block of some medium: read as elements, megabytes of them take seconds.
    if (hasPixels && header.tag === 0) break;
    if (header.tag === SEQUENCE_END || header.tag === ITEM) {
      // Stray delimiters, as some writers leave behind a sequence of defined length.
      offset = header.valueOffset;
      continue;
    }
    const isPixels = scope.depth === 0 && PIXEL_TAGS.has(header.tag);
    let element: DataElement;
    try {
      element = readElement(scope, header, end, isPixels);
    } catch (error) {
      // The image is whole: what follows it cannot make it wrong.
      if (!hasPixels || !(error instanceof DafhError) || isLimit(error)) throw error;
      warnings.push(`what follows the pixel data cannot be read: ${error.message}`);
      break;
    }
    if (!elements.has(header.tag)) elements.set(header.tag, element);
    hasPixels ||= isPixels;
    offset = element.offset + element.length;
    if (element.undefinedLength) offset = Math.min(end, offset + 8);
  }
  return elements;
}

/** Where the items of a sequence lie, and how they are encoded; what is in them is not looked at. */
export function scanItems(
  scope: Scope,
  element: DataElement,
): { readonly scope: Scope; readonly items: readonly { readonly start: number; readonly end: number }[] } {
  // Undefined length under UN is implicit little endian inside, whatever surrounds it (PS3.5 6.2.2).
  const inner = element.vr === "UN" && element.undefinedLength ? asImplicit(scope) : scope;
  const itemScope: Scope = { ...inner, depth: scope.depth + 1 };
  checkDepth(itemScope, element.tag);
  const items: { start: number; end: number }[] = [];
  const end = element.offset + element.length;
  let offset = element.offset;
  while (offset + 8 <= end) {
    const tag = readTag(inner, offset);
    const length = inner.view.getUint32(offset + 4, inner.encoding.littleEndian);
    if (tag === SEQUENCE_END) break;
    if (tag !== ITEM) throw corrupt(element.tag, `the sequence has ${formatTag(tag)} where an item should begin`);
    const start = offset + 8;
    const itemEnd = length === UNDEFINED_LENGTH ? skipItem(itemScope, start, end, element.tag) : start + length;
    if (itemEnd > end) throw corrupt(element.tag, "an item is longer than its sequence");
    items.push({ start, end: itemEnd });
    offset = length === UNDEFINED_LENGTH ? itemEnd + 8 : itemEnd;
  }
  return { scope: itemScope, items };
}

/** Calls `visit` with each fragment of encapsulated pixel data, the offset table first (PS3.5 A.4); returns where the delimiter begins. */
export function walkFragments(
  { view }: { readonly view: Pick<DataView, "getUint16" | "getUint32"> },
  start: number,
  end: number,
  visit: (offset: number, length: number) => void,
): { readonly end: number; readonly truncated: boolean } {
  // Encapsulated pixel data is little endian always (PS3.5 A.4).
  let offset = start;
  while (offset + 8 <= end) {
    const tag = view.getUint16(offset, true) * 0x10000 + view.getUint16(offset + 2, true);
    const length = view.getUint32(offset + 4, true);
    if (tag === SEQUENCE_END) return { end: offset, truncated: false };
    if (tag !== ITEM) {
      throw corrupt(DICTIONARY.PixelData.tag, `the pixel data has ${formatTag(tag)} where a fragment should begin`);
    }
    if (length > end - offset - 8) return { end, truncated: true };
    visit(offset + 8, length);
    offset += 8 + length;
  }
  // Without a delimiter, but with whole fragments up to the very end.
  return { end, truncated: offset !== end };
}

function readElement(scope: Scope, header: Header, end: number, isPixels: boolean): DataElement {
  const { tag, vr, valueOffset, length } = header;
  spend(scope, tag);
  const place = { tag, vr, offset: valueOffset };
  if (length === UNDEFINED_LENGTH) {
    if (isPixels) {
      const walked = walkFragments(scope, valueOffset, end, () => spend(scope, tag));
      return { ...place, length: walked.end - valueOffset, undefinedLength: true, truncated: walked.truncated };
    }
    const sequenceEnd = skipSequence(vr === "UN" ? asImplicit(scope) : scope, valueOffset, end, tag);
    return { ...place, length: sequenceEnd - valueOffset, undefinedLength: true, truncated: false };
  }
  if (length > end - valueOffset) {
    if (!isPixels)
      throw truncated(tag, `its value of ${length} bytes goes ${length - (end - valueOffset)} past the end`);
    return { ...place, length: end - valueOffset, statedLength: length, undefinedLength: false, truncated: true };
  }
  return { ...place, length, undefinedLength: false, truncated: false };
}

/** The header at `offset`, or undefined where too few bytes are left for one. */
export function readHeader(
  scope: Pick<Scope, "bytes" | "view" | "encoding">,
  offset: number,
  end: number,
): Header | undefined {
  if (end - offset < 8) return undefined;
  const { bytes, view } = scope;
  const { littleEndian, explicitVr } = scope.encoding;
  const tag = readTag(scope, offset);
  if (explicitVr && tag >>> 16 !== 0xfffe) {
    const vr = String.fromCharCode(bytes[offset + 4] ?? 0, bytes[offset + 5] ?? 0);
    if (LONG_HEADER.has(vr)) {
      if (end - offset < 12) return undefined;
      return { tag, vr, valueOffset: offset + 12, length: view.getUint32(offset + 8, littleEndian) };
    }
    // Two capitals that the standard does not know have a short header, as all early ones; anything else is an
    // element that was written without a representation.
    if (/^[A-Z]{2}$/.test(vr)) {
      return { tag, vr, valueOffset: offset + 8, length: view.getUint16(offset + 6, littleEndian) };
    }
  }
  return { tag, vr: "", valueOffset: offset + 8, length: view.getUint32(offset + 4, littleEndian) };
}

/** Where a sequence of undefined length ends: the offset of its delimiter. */
function skipSequence(scope: Scope, start: number, end: number, tag: number): number {
  const inner: Scope = { ...scope, depth: scope.depth + 1 };
  checkDepth(inner, tag);
  let offset = start;
  while (end - offset >= 8) {
    const itemTag = readTag(scope, offset);
    const length = scope.view.getUint32(offset + 4, scope.encoding.littleEndian);
    if (itemTag === SEQUENCE_END) return offset;
    if (itemTag !== ITEM) throw corrupt(tag, `the sequence has ${formatTag(itemTag)} where an item should begin`);
    spend(scope, tag);
    offset += 8;
    if (length === UNDEFINED_LENGTH) offset = skipItem(inner, offset, end, tag) + 8;
    else if (length > end - offset) throw truncated(tag, "an item goes past the end");
    else offset += length;
  }
  throw truncated(tag, "the sequence has no end");
}

/** Where an item of undefined length ends: the offset of its delimiter. */
function skipItem(scope: Scope, start: number, end: number, sequenceTag: number): number {
  let offset = start;
  for (;;) {
    const header = readHeader(scope, offset, end);
    if (header === undefined) throw truncated(sequenceTag, "an item has no end");
    if (header.tag === ITEM_END) return offset;
    const element = readElement(scope, header, end, false);
    offset = element.offset + element.length + (element.undefinedLength ? 8 : 0);
  }
}

function readTag(scope: Pick<Scope, "view" | "encoding">, offset: number): number {
  const { littleEndian } = scope.encoding;
  return scope.view.getUint16(offset, littleEndian) * 0x10000 + scope.view.getUint16(offset + 2, littleEndian);
}

function asImplicit(scope: Scope): Scope {
  return { ...scope, encoding: { explicitVr: false, littleEndian: true } };
}

function checkDepth(scope: Scope, tag: number): void {
  if (scope.depth > scope.budget.limits.sequenceDepth) {
    throw new DafhError("SEQUENCES_TOO_DEEP", `sequences are nested deeper than ${scope.budget.limits.sequenceDepth}`, {
      tag: formatTag(tag),
    });
  }
}

/** One element, item or fragment of the budget. */
function spend({ budget }: Scope, tag: number): void {
  if (--budget.elementsLeft >= 0) return;
  throw new DafhError("TOO_MANY_ELEMENTS", `more than ${budget.limits.elements} data elements`, {
    tag: formatTag(tag),
  });
}

function hasContent(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes.subarray(start, end).some((byte) => byte !== 0);
}

function truncated(tag: number, what: string): DafhError {
  return new DafhError("DICOM_TRUNCATED", `${formatTag(tag)}: ${what}`, { tag: formatTag(tag) });
}

function corrupt(tag: number, what: string): DafhError {
  return new DafhError("DICOM_CORRUPT", `${formatTag(tag)}: ${what}`, { tag: formatTag(tag) });
}
