/** Single values of a dataset that is being de-identified, by tag: for the decisions that concern the whole file. */
import { decodeText } from "../character-sets.js";
import { DICTIONARY } from "../dictionary.js";
import { type ElementSource, readItems, type SourceElement, type SourceItem } from "./element-reader.js";
import { trimmed, valuesOf } from "./values.js";

export class TopLevel {
  readonly #elements: ReadonlyMap<number, SourceElement>;
  readonly #source: ElementSource;

  constructor({ source, elements }: SourceItem) {
    this.#source = source;
    this.#elements = new Map(elements.map((element) => [element.tag, element]));
  }

  get littleEndian(): boolean {
    return this.#source.encoding.littleEndian;
  }

  element(tag: number): SourceElement | undefined {
    return this.#elements.get(tag);
  }

  has(tag: number): boolean {
    return (this.element(tag)?.value.length ?? 0) > 0;
  }

  strings(tag: number): string[] {
    const element = this.element(tag);
    return element === undefined ? [] : valuesOf(element.value);
  }

  /** The first value; undefined where it is empty. */
  string(tag: number): string | undefined {
    const value = this.strings(tag)[0];
    return value === "" ? undefined : value;
  }

  /** The first value as Unicode; undefined where it is empty. */
  text(tag: number, vr: string): string | undefined {
    const element = this.element(tag);
    if (element === undefined) return undefined;
    const characterSets = this.strings(DICTIONARY.SpecificCharacterSet.tag).join("\\");
    const value = trimmed(decodeText(element.value, characterSets, vr).split("\\")[0] ?? "");
    return value === "" ? undefined : value;
  }

  uint16(tag: number): number | undefined {
    const element = this.element(tag);
    if (element === undefined || element.value.length < 2) return undefined;
    return this.#source.view.getUint16(element.offset, this.littleEndian);
  }

  uint32(tag: number): number | undefined {
    const element = this.element(tag);
    if (element === undefined || element.value.length < 4) return undefined;
    return this.#source.view.getUint32(element.offset, this.littleEndian);
  }

  items(tag: number): TopLevel[] {
    const element = this.element(tag);
    return element === undefined ? [] : readItems(this.#source, element).map((item) => new TopLevel(item));
  }
}
