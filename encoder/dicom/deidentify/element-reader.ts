/**
 * Bytes → data elements, all of them and in the order of the file, for writing them again. Values stay where they are;
 * a sequence is read when it is asked for, so what the profile removes need not even be readable. `dataset-reader.ts`
 * reads for the pixels' sake and keeps what is needed there; here whatever cannot be accounted for is refused.
 */
import { DafhError } from "../../../schemas/index.js";
import { type Encoding, readHeader, walkFragments } from "../dataset-reader.js";
import { DICTIONARY, formatTag } from "../dictionary.js";
import { type DicomLimits, isLimit } from "../limits.js";
import { IMPLICIT_LITTLE_ENDIAN } from "../transfer-syntaxes.js";

/** One dataset's bytes, and what the file may still use up. */
export interface ElementSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly encoding: Encoding;
  readonly depth: number;
  readonly budget: { elementsLeft: number; readonly limits: DicomLimits };
}

export interface SourceElement {
  readonly tag: number;
  /** As the file has it; "" in implicit VR. */
  readonly vr: string;
  /** The value, without delimiters. Of encapsulated pixel data: its items. */
  readonly value: Uint8Array;
  /** Where the value begins in the source. */
  readonly offset: number;
  readonly undefinedLength: boolean;
}

export interface SourceItem {
  readonly source: ElementSource;
  readonly elements: SourceElement[];
}

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED_LENGTH = 0xffffffff;
const PIXEL_TAGS: ReadonlySet<number> = new Set([
  DICTIONARY.FloatPixelData.tag,
  DICTIONARY.DoubleFloatPixelData.tag,
  DICTIONARY.PixelData.tag,
]);

export function sourceOf(bytes: Uint8Array, encoding: Encoding, limits: DicomLimits): ElementSource {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes, view, encoding, depth: 0, budget: { elementsLeft: limits.elements, limits } };
}

/**
 * Of a tag that stands there twice, the first: readers differ in which they take, and the other may say anything.
 * @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT, TOO_MANY_ELEMENTS or SEQUENCES_TOO_DEEP, with the tag
 */
export function readElements(source: ElementSource, start: number, end: number): SourceElement[] {
  const elements = new Map<number, SourceElement>();
  let offset = start;
  let hasPixels = false;
  while (offset < end) {
    const header = readHeader(source, offset, end);
    if (header === undefined && !hasPixels && source.bytes.subarray(offset, end).some((byte) => byte !== 0)) {
      throw new DafhError("DICOM_TRUNCATED", `the dataset ends inside a data element's header at byte ${offset}`);
    }
    if (header === undefined || header.tag === ITEM_END) break;
    if (header.tag === SEQUENCE_END || header.tag === ITEM) {
      // Stray delimiters, as some writers leave behind a sequence of defined length.
      offset = header.valueOffset;
      continue;
    }
    const isPixels = source.depth === 0 && PIXEL_TAGS.has(header.tag);
    let next: { readonly element: SourceElement; readonly end: number };
    try {
      next = readElement(source, header, end, isPixels);
    } catch (error) {
      // The image is whole; what follows it and cannot be read is left out.
      if (!hasPixels || !(error instanceof DafhError) || isLimit(error)) throw error;
      break;
    }
    if (!elements.has(header.tag)) elements.set(header.tag, next.element);
    hasPixels ||= isPixels;
    offset = next.end;
  }
  return [...elements.values()];
}

/** @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT, TOO_MANY_ELEMENTS or SEQUENCES_TOO_DEEP */
export function readItems(source: ElementSource, element: SourceElement): SourceItem[] {
  // Under UN the items are implicit little endian, whatever surrounds them (PS3.5 6.2.2).
  const inner = itemSource(element.vr === "UN" ? { ...source, encoding: IMPLICIT_LITTLE_ENDIAN } : source, element.tag);
  const items: SourceItem[] = [];
  const end = element.offset + element.value.length;
  let offset = element.offset;
  while (end - offset >= 8) {
    const tag = readTag(inner, offset);
    const length = inner.view.getUint32(offset + 4, inner.encoding.littleEndian);
    if (tag === SEQUENCE_END) break;
    if (tag !== ITEM) throw corrupt(element.tag, "its sequence has no item where one should begin");
    const start = offset + 8;
    const itemEnd = length === UNDEFINED_LENGTH ? skipItem(inner, start, end, element.tag) : start + length;
    if (itemEnd > end) throw corrupt(element.tag, "an item is longer than its sequence");
    items.push({ source: inner, elements: readElements(inner, start, itemEnd) });
    offset = length === UNDEFINED_LENGTH ? itemEnd + 8 : itemEnd;
  }
  return items;
}

type Header = NonNullable<ReturnType<typeof readHeader>>;

function readElement(
  source: ElementSource,
  { tag, vr, valueOffset, length }: Header,
  end: number,
  isPixels: boolean,
): { readonly element: SourceElement; readonly end: number } {
  spend(source, tag);
  const valueUpTo = (valueEnd: number): Uint8Array => source.bytes.subarray(valueOffset, valueEnd);
  const place = { tag, vr, offset: valueOffset };
  if (length !== UNDEFINED_LENGTH) {
    if (length > end - valueOffset) throw truncated(tag, "its value goes past the end");
    const valueEnd = valueOffset + length;
    return { element: { ...place, value: valueUpTo(valueEnd), undefinedLength: false }, end: valueEnd };
  }
  let valueEnd: number;
  if (isPixels) {
    const walked = walkFragments(source, valueOffset, end, () => spend(source, tag));
    if (walked.truncated) throw truncated(tag, "the file ends inside its compressed pixel data");
    valueEnd = walked.end;
  } else {
    valueEnd = skipSequence(
      vr === "UN" ? { ...source, encoding: IMPLICIT_LITTLE_ENDIAN } : source,
      valueOffset,
      end,
      tag,
    );
  }
  const element = { ...place, value: valueUpTo(valueEnd), undefinedLength: true };
  return { element, end: Math.min(end, valueEnd + 8) };
}

/** Where the delimiter of a sequence of undefined length begins. */
function skipSequence(source: ElementSource, start: number, end: number, tag: number): number {
  const inner = itemSource(source, tag);
  let offset = start;
  while (end - offset >= 8) {
    const itemTag = readTag(inner, offset);
    const length = inner.view.getUint32(offset + 4, inner.encoding.littleEndian);
    if (itemTag === SEQUENCE_END) return offset;
    if (itemTag !== ITEM) throw corrupt(tag, "its sequence has no item where one should begin");
    spend(source, tag);
    offset += 8;
    if (length === UNDEFINED_LENGTH) offset = skipItem(inner, offset, end, tag) + 8;
    else if (length > end - offset) throw truncated(tag, "an item goes past the end");
    else offset += length;
  }
  throw truncated(tag, "its sequence has no end");
}

/** Where the delimiter of an item of undefined length begins. */
function skipItem(source: ElementSource, start: number, end: number, sequenceTag: number): number {
  let offset = start;
  for (;;) {
    const header = readHeader(source, offset, end);
    if (header === undefined) throw truncated(sequenceTag, "an item has no end");
    if (header.tag === ITEM_END) return offset;
    offset = readElement(source, header, end, false).end;
  }
}

function itemSource(source: ElementSource, tag: number): ElementSource {
  const depth = source.depth + 1;
  const { sequenceDepth } = source.budget.limits;
  if (depth > sequenceDepth) {
    throw new DafhError("SEQUENCES_TOO_DEEP", `sequences are nested deeper than ${sequenceDepth}`, {
      tag: formatTag(tag),
    });
  }
  return { ...source, depth };
}

function spend({ budget }: ElementSource, tag: number): void {
  budget.elementsLeft -= 1;
  if (budget.elementsLeft < 0) {
    throw new DafhError("TOO_MANY_ELEMENTS", `more than ${budget.limits.elements} data elements`, {
      tag: formatTag(tag),
    });
  }
}

function readTag({ view, encoding }: ElementSource, offset: number): number {
  return view.getUint16(offset, encoding.littleEndian) * 0x10000 + view.getUint16(offset + 2, encoding.littleEndian);
}

function truncated(tag: number, what: string): DafhError {
  return new DafhError("DICOM_TRUNCATED", `${formatTag(tag)}: ${what}`, { tag: formatTag(tag) });
}

function corrupt(tag: number, what: string): DafhError {
  return new DafhError("DICOM_CORRUPT", `${formatTag(tag)}: ${what}`, { tag: formatTag(tag) });
}
