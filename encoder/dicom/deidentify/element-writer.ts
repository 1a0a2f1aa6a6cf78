/**
 * Data elements → bytes (PS3.5 7.1), in the encoding that they were read in. Large values are not copied: they are
 * handed on as they lie in the source, so that a file's pixels are in memory once.
 */
import type { Encoding } from "../dataset-reader.js";
import { IMPLICIT_LITTLE_ENDIAN } from "../transfer-syntaxes.js";
import { paddingOf } from "./representations.js";

export interface OutputElement {
  readonly tag: number;
  /** Two letters, whatever the encoding. */
  readonly vr: string;
  readonly value: OutputValue;
}

export type OutputValue =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "items"; readonly items: readonly (readonly OutputElement[])[]; readonly undefinedLength: boolean }
  /** Encapsulated pixel data: offset table and fragments with their item headers, without the delimiter. */
  | { readonly kind: "fragments"; readonly bytes: Uint8Array };

const LONG_HEADER = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const ITEM = 0xfffee000;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED_LENGTH = 0xffffffff;
const LONGEST_SHORT_VALUE = 0xfffe;
/** Values from here on are handed on and not copied. */
const LARGE_VALUE_BYTES = 64 * 1024;

/** @param elements of each dataset in ascending order of their tags */
export function writeElements(elements: readonly OutputElement[], encoding: Encoding): Uint8Array[] {
  const lengths = new Map<OutputElement, number>();
  const total = elements.reduce((sum, element) => sum + measure(element, encoding, lengths), 0);
  const sink = new Sink(total);
  for (const element of elements) writeElement(element, encoding, lengths, sink);
  return sink.finish();
}

/** Bytes of the whole element; remembers those of sequences' values, which are asked for again. */
function measure(element: OutputElement, encoding: Encoding, lengths: Map<OutputElement, number>): number {
  const { value } = element;
  const header = encoding.explicitVr && LONG_HEADER.has(element.vr) ? 12 : 8;
  switch (value.kind) {
    case "bytes":
      return header + evenLength(element, value.bytes, encoding);
    case "fragments":
      return header + value.bytes.length + 8;
    case "items": {
      const inner = encodingInside(element, encoding);
      let length = 0;
      for (const item of value.items) {
        length += 8 + item.reduce((sum, child) => sum + measure(child, inner, lengths), 0);
      }
      lengths.set(element, length);
      return header + length + (value.undefinedLength ? 8 : 0);
    }
  }
}

function writeElement(
  element: OutputElement,
  encoding: Encoding,
  lengths: ReadonlyMap<OutputElement, number>,
  sink: Sink,
): void {
  const { tag, vr, value } = element;
  switch (value.kind) {
    case "bytes": {
      const length = evenLength(element, value.bytes, encoding);
      writeHeader(tag, vr, length, encoding, sink);
      sink.value(value.bytes.subarray(0, length));
      if (value.bytes.length < length) sink.byte(paddingOf(vr));
      return;
    }
    case "fragments":
      writeHeader(tag, vr, UNDEFINED_LENGTH, encoding, sink);
      sink.value(value.bytes);
      // Encapsulated pixel data is little endian always (PS3.5 A.4).
      writeMark(SEQUENCE_END, 0, true, sink);
      return;
    case "items": {
      const inner = encodingInside(element, encoding);
      writeHeader(tag, vr, value.undefinedLength ? UNDEFINED_LENGTH : (lengths.get(element) ?? 0), encoding, sink);
      for (const item of value.items) {
        const length = item.reduce((sum, child) => sum + lengthOf(child, inner, lengths), 0);
        writeMark(ITEM, length, inner.littleEndian, sink);
        for (const child of item) writeElement(child, inner, lengths, sink);
      }
      if (value.undefinedLength) writeMark(SEQUENCE_END, 0, inner.littleEndian, sink);
      return;
    }
  }
}

/** As `measure`, from what it remembered. */
function lengthOf(element: OutputElement, encoding: Encoding, lengths: ReadonlyMap<OutputElement, number>): number {
  const known = lengths.get(element);
  if (known === undefined || element.value.kind !== "items") return measure(element, encoding, new Map());
  const header = encoding.explicitVr ? 12 : 8;
  return header + known + (element.value.undefinedLength ? 8 : 0);
}

/** Items under UN are implicit little endian, whatever surrounds them (PS3.5 6.2.2). */
function encodingInside({ vr }: OutputElement, encoding: Encoding): Encoding {
  return vr === "UN" ? IMPLICIT_LITTLE_ENDIAN : encoding;
}

/** Even, and where the header has 16 bits for it, no longer than those can say. */
function evenLength({ vr }: OutputElement, { length }: Uint8Array, encoding: Encoding): number {
  const even = length + (length % 2);
  return encoding.explicitVr && !LONG_HEADER.has(vr) ? Math.min(even, LONGEST_SHORT_VALUE) : even;
}

function writeHeader(tag: number, vr: string, length: number, encoding: Encoding, sink: Sink): void {
  const { littleEndian } = encoding;
  sink.uint16(tag >>> 16, littleEndian);
  sink.uint16(tag & 0xffff, littleEndian);
  if (!encoding.explicitVr) {
    sink.uint32(length, littleEndian);
    return;
  }
  sink.byte(vr.charCodeAt(0));
  sink.byte(vr.charCodeAt(1));
  if (!LONG_HEADER.has(vr)) {
    sink.uint16(length, littleEndian);
    return;
  }
  sink.uint16(0, littleEndian);
  sink.uint32(length, littleEndian);
}

function writeMark(tag: number, length: number, littleEndian: boolean, sink: Sink): void {
  sink.uint16(tag >>> 16, littleEndian);
  sink.uint16(tag & 0xffff, littleEndian);
  sink.uint32(length, littleEndian);
}

/** Small pieces go into one buffer of known size, large ones stand between its parts. */
class Sink {
  readonly #parts: Uint8Array[] = [];
  readonly #buffer: Buffer;
  #start = 0;
  #end = 0;

  /** @param capacity bytes in all; what large values take of it is never touched, so the system never gives it */
  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(1, capacity));
  }

  byte(value: number): void {
    this.#end = this.#buffer.writeUInt8(value, this.#end);
  }

  uint16(value: number, littleEndian: boolean): void {
    this.#end = littleEndian
      ? this.#buffer.writeUInt16LE(value, this.#end)
      : this.#buffer.writeUInt16BE(value, this.#end);
  }

  uint32(value: number, littleEndian: boolean): void {
    this.#end = littleEndian
      ? this.#buffer.writeUInt32LE(value, this.#end)
      : this.#buffer.writeUInt32BE(value, this.#end);
  }

  value(bytes: Uint8Array): void {
    if (bytes.length < LARGE_VALUE_BYTES) {
      this.#buffer.set(bytes, this.#end);
      this.#end += bytes.length;
      return;
    }
    this.#cut();
    this.#parts.push(bytes);
  }

  finish(): Uint8Array[] {
    this.#cut();
    return this.#parts;
  }

  #cut(): void {
    if (this.#end > this.#start) this.#parts.push(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
