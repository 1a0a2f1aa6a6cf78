/**
 * A dataset whose values are read when asked for, by keyword. Values that cannot be understood count as absent here:
 * what is needed for the pixels is checked where it is used, and refused there with its tag.
 */
import { decodeText } from "./character-sets.js";
import { type DataElement, isKnownVr, type Scope, scanElements, scanItems } from "./dataset-reader.js";
import { isAlike } from "./deidentify/representations.js";
import { DICTIONARY, type Keyword } from "./dictionary.js";
import { parseNumber } from "./values.js";

/** The dataset between `start` and `end`. @throws DafhError DICOM_TRUNCATED, DICOM_CORRUPT, TOO_MANY_ELEMENTS or SEQUENCES_TOO_DEEP, with the tag */
export function readDataset(scope: Scope, start: number, end: number, warnings: string[]): Dataset {
  return new Dataset(scope, scanElements(scope, start, end, warnings));
}

export class Dataset {
  readonly #items = new Map<number, Dataset[]>();

  constructor(
    private readonly scope: Scope,
    private readonly elements: ReadonlyMap<number, DataElement>,
  ) {}

  get lastTag(): number {
    let last = 0;
    for (const tag of this.elements.keys()) last = Math.max(last, tag);
    return last;
  }

  get littleEndian(): boolean {
    return this.scope.encoding.littleEndian;
  }

  element(keyword: Keyword): DataElement | undefined {
    return this.elements.get(DICTIONARY[keyword].tag);
  }

  /** Has the attribute with a value of at least one byte. */
  has(keyword: Keyword): boolean {
    return (this.element(keyword)?.length ?? 0) > 0;
  }

  /**
   * Stands under its own representation or one like it, or under none. What does not (a name written as bytes) may
   * hold anything: a de-identification takes it out, so nothing that is stored or said may be read from it.
   */
  isAsItShould(keyword: Keyword): boolean {
    const vr = this.element(keyword)?.vr ?? "";
    return vr === "UN" || !isKnownVr(vr) || isAlike(vr, DICTIONARY[keyword].vr);
  }

  bytes(keyword: Keyword): Uint8Array | undefined {
    return this.#bytesOf(this.element(keyword));
  }

  /** Values without the padding around them; an empty one stays in its place. Text of this kind has no escapes, so no character set. */
  strings(keyword: Keyword): string[] {
    const bytes = this.bytes(keyword);
    if (bytes === undefined || bytes.length === 0) return [];
    return latin1(bytes)
      .split("\\")
      .map((value) => trim(value));
  }

  string(keyword: Keyword): string | undefined {
    return notEmpty(this.strings(keyword)[0]);
  }

  /** First value of text in the dataset's character set, as Unicode. */
  text(keyword: Keyword, characterSets: string | undefined): string | undefined {
    const bytes = this.bytes(keyword);
    if (bytes === undefined) return undefined;
    const text = decodeText(bytes, characterSets, DICTIONARY[keyword].vr);
    return notEmpty(trim(text.split("\\")[0] ?? ""));
  }

  /** Numbers of whatever representation they are written in; one that is none is left out. */
  numbers(keyword: Keyword): number[] {
    const element = this.element(keyword);
    const bytes = this.#bytesOf(element);
    if (element === undefined || bytes === undefined) return [];
    const vr = element.vr === "" || element.vr === "UN" ? DICTIONARY[keyword].vr : element.vr;
    const binary = this.#binaryNumbers(bytes, vr);
    if (binary !== undefined) return binary;
    return latin1(bytes)
      .split("\\")
      .map(parseNumber)
      .filter((value) => value !== undefined);
  }

  number(keyword: Keyword): number | undefined {
    return this.numbers(keyword)[0];
  }

  /** The items of a sequence, none where it is absent. @throws DafhError where the sequence is damaged */
  items(keyword: Keyword): Dataset[] {
    const element = this.element(keyword);
    if (element === undefined || element.length === 0) return [];
    let items = this.#items.get(element.tag);
    if (items === undefined) {
      const found = scanItems(this.scope, element);
      items = found.items.map(({ start, end }) => readDataset(found.scope, start, end, []));
      this.#items.set(element.tag, items);
    }
    return items;
  }

  /** The first value, as a number or text, of a private element (PS3.5 7.8.1): `block` is the low byte of its element number. */
  privateNumber(group: number, creator: string, block: number): number | undefined {
    const text = this.privateText(group, creator, block);
    return text === undefined ? undefined : parseNumber(text);
  }

  privateText(group: number, creator: string, block: number): string | undefined {
    for (let reservation = 0x10; reservation <= 0xff; reservation++) {
      const owner = this.#bytesOf(this.elements.get(group * 0x10000 + reservation));
      if (owner === undefined || trim(latin1(owner)) !== creator) continue;
      const value = this.#bytesOf(this.elements.get(group * 0x10000 + reservation * 0x100 + block));
      if (value !== undefined) return notEmpty(trim(latin1(value).split("\\")[0] ?? ""));
    }
    return undefined;
  }

  #bytesOf(element: DataElement | undefined): Uint8Array | undefined {
    return element && this.scope.bytes.subarray(element.offset, element.offset + element.length);
  }

  /** undefined where the representation is text. */
  #binaryNumbers(bytes: Uint8Array, vr: string): number[] | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { littleEndian } = this;
    const each = (width: number, read: (offset: number) => number): number[] =>
      Array.from({ length: Math.floor(bytes.length / width) }, (_, index) => read(index * width));
    switch (vr) {
      case "US":
        return each(2, (offset) => view.getUint16(offset, littleEndian));
      case "SS":
        return each(2, (offset) => view.getInt16(offset, littleEndian));
      case "UL":
        return each(4, (offset) => view.getUint32(offset, littleEndian));
      case "SL":
        return each(4, (offset) => view.getInt32(offset, littleEndian));
      case "UV":
      case "OV":
        return each(8, (offset) => Number(view.getBigUint64(offset, littleEndian)));
      case "FL":
        return each(4, (offset) => view.getFloat32(offset, littleEndian));
      case "FD":
        return each(8, (offset) => view.getFloat64(offset, littleEndian));
      default:
        return undefined;
    }
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Spaces and NULs are padding wherever they stand around a value. */
function trim(value: string): string {
  return value.replace(/^[ \0]+|[ \0]+$/g, "");
}

function notEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
