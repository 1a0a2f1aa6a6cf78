/**
 * One dataset through a profile: what becomes of each element, in all levels of sequences alike. A value that is let
 * through must be what its representation says; whatever else it may hold does not pass.
 */
import { DafhError } from "../../../schemas/index.js";
import { decodeText } from "../character-sets.js";
import { isKnownVr } from "../dataset-reader.js";
import { DICTIONARY } from "../dictionary.js";
import { isLimit } from "../limits.js";
import { isTemporal, shiftTemporal } from "./dates.js";
import { cleanDescription } from "./descriptors.js";
import { type ElementSource, readItems, type SourceElement, type SourceItem } from "./element-reader.js";
import type { OutputElement, OutputValue } from "./element-writer.js";
import { type PrivateCreators, privateCreators, privateElement } from "./private-blocks.js";
import { type Action, basicActionOf, listedAction } from "./profile.js";
import { remapUid } from "./pseudonyms.js";
import { isAlike, standardRepresentation } from "./representations.js";
import { output, type Place, type RuleContext } from "./rule-context.js";
import { unlistedAction } from "./unlisted.js";
import { ascii, cappedAge, dummyOf, isCodeString, isNumberString, isUid, valuesOf } from "./values.js";

/** What holds inside one dataset or item. */
interface Level {
  readonly source: ElementSource;
  readonly characterSets: string;
  readonly creators: PrivateCreators;
  /** Inside a sequence that is to be cleaned: of text only known words stay. */
  readonly cleaning: boolean;
  /** The item's coding scheme is one of the standard's, whose codes name no one. */
  readonly standardCodes: boolean;
}

const PATIENT_NAME = 0x00100010;
const CODE_VALUE = 0x00080100;
const CODING_SCHEME = 0x00080102;
const CODING_SCHEME_VERSION = 0x00080103;
const TIMEZONE_OFFSET = 0x00080201;
const PIXEL_DATA_GROUP = 0x7fe0;
const STANDARD_CODING_SCHEMES = new Set(["DCM", "SRT", "SCT", "SNM3", "99SDM", "LN", "UCUM", "RADLEX", "FMA", "UMLS"]);

/** @returns elements in ascending order of their tags */
export function applyRules(
  item: SourceItem,
  context: RuleContext,
  around: { readonly characterSets: string; readonly cleaning: boolean } = { characterSets: "", cleaning: false },
): OutputElement[] {
  const { source, elements } = item;
  const valueAt = (tag: number): string | undefined => {
    const element = elements.find((candidate) => candidate.tag === tag);
    return element && valuesOf(element.value).join("\\");
  };
  const level: Level = {
    source,
    characterSets: valueAt(DICTIONARY.SpecificCharacterSet.tag) ?? around.characterSets,
    creators: privateCreators(elements),
    cleaning: around.cleaning,
    standardCodes: STANDARD_CODING_SCHEMES.has(valueAt(CODING_SCHEME) ?? ""),
  };
  const kept: OutputElement[] = [];
  for (const element of elements) {
    const result =
      (element.tag >>> 16) % 2 === 1
        ? privateElement(element, level.creators, context)
        : publicElement(element, level, context);
    if (result !== undefined) kept.push(result);
  }
  kept.push(...level.creators.reservations());
  return kept.sort((a, b) => a.tag - b.tag);
}

function publicElement(element: SourceElement, level: Level, context: RuleContext): OutputElement | undefined {
  const { tag, value } = element;
  if (isNeverKept(tag)) return undefined;
  const standard = standardRepresentation(tag);
  // What the dictionary does not know cannot be judged.
  if (standard === undefined) return undefined;
  const vr = element.vr === "UN" || !isKnownVr(element.vr) ? standard : element.vr;
  if (!isAlike(vr, standard)) return undefined;
  if (tag >>> 16 === PIXEL_DATA_GROUP) return pixelElement(element, vr, level);
  // Of undefined length, but not a sequence: nothing that could be read.
  if (element.undefinedLength && standard !== "SQ") return undefined;
  const place = { element, vr, standard };
  if (level.source.depth === 0 && (tag === PATIENT_NAME || tag === DICTIONARY.PatientID.tag)) {
    return output(place, standard, valuesOf(value).join("") === "" ? new Uint8Array() : ascii(context.pseudonym));
  }
  const action = listedAction(tag, standard, context.profile) ?? unlistedAction(place, context.profile);
  return perform(action, place, level, context);
}

/**
 * Group lengths and length-to-end are wrong once anything is gone, and padding may hold anything. Command, file meta
 * and directory groups have no place in a dataset; curves and overlays go whole, since Clean Graphics is not offered.
 */
function isNeverKept(tag: number): boolean {
  const group = tag >>> 16;
  const repeating = group >>> 8;
  return (
    group < 0x0008 ||
    (tag & 0xffff) === 0 ||
    tag === 0x00080001 ||
    group === 0xfffc ||
    repeating === 0x50 ||
    repeating === 0x60
  );
}

/** Only the image itself stays: what lies in items is an icon of it, or hides. */
function pixelElement(
  { value, undefinedLength, tag }: SourceElement,
  vr: string,
  { source }: Level,
): OutputElement | undefined {
  if (source.depth > 0) return undefined;
  return { tag, vr, value: undefinedLength ? { kind: "fragments", bytes: value } : { kind: "bytes", bytes: value } };
}

function perform(action: Action, place: Place, level: Level, context: RuleContext): OutputElement | undefined {
  const { element, standard } = place;
  switch (action) {
    case "remove":
      return undefined;
    case "empty":
      return standard === "SQ" ? items(place, []) : output(place, standard, new Uint8Array());
    case "replace":
      return output(place, standard, valuesOf(element.value).join("") === "" ? new Uint8Array() : dummyOf(standard));
    case "remapUid":
      return standard === "UI" ? output(place, standard, remapped(element.value, context.key)) : undefined;
    case "remapInside":
      return standard === "SQ" ? recurse(place, level, context, level.cleaning) : undefined;
    case "keep":
      return keep(place, level, context);
    case "clean":
      return clean(place, level, context);
  }
}

function keep(place: Place, level: Level, context: RuleContext): OutputElement | undefined {
  const { element, vr, standard } = place;
  const { tag, value } = element;
  switch (standard) {
    case "SQ":
      return recurse(place, level, context, level.cleaning);
    case "DA":
    case "DT":
    case "TM":
      return checked(place, level, context, (text) => (isTemporal(text, standard) ? text : undefined));
    case "AS":
      return checked(place, level, context, cappedAge);
    case "CS":
      return checked(place, level, context, (text) => (isCodeString(text) ? text : undefined));
    case "UI":
      return checked(place, level, context, (text) => (text === "" || isUid(text) ? text : undefined));
    case "DS":
    case "IS":
      // Real files write numbers in binary here now and then.
      if (vr !== standard && vr !== "DS" && vr !== "IS") return output(place, vr, value);
      return checked(place, level, context, (text) => (isNumberString(text) ? text : undefined));
    case "LO":
    case "SH":
    case "UC":
      if (!level.cleaning) return output(place, vr, value);
      if (level.standardCodes && (tag === CODE_VALUE || tag === CODING_SCHEME)) return output(place, vr, value);
      if (tag === CODING_SCHEME_VERSION) return undefined;
      return clean(place, level, context);
    default:
      return output(place, vr, value);
  }
}

function clean(place: Place, level: Level, context: RuleContext): OutputElement | undefined {
  const { element, standard } = place;
  switch (standard) {
    case "SQ":
      return recurse(place, level, context, true);
    case "DA":
    case "DT":
    case "TM":
      return checked(place, level, context, (text) => shiftTemporal(text, standard, context.shiftDays));
    case "LO":
    case "SH":
    case "ST":
    case "LT":
    case "UC":
    case "UT":
    case "CS": {
      if (element.tag === TIMEZONE_OFFSET) {
        return checked(place, level, context, (text) => (/^[+-]\d{4}$/.test(text) ? text : undefined));
      }
      const known = cleanDescription(decodeText(element.value, level.characterSets, standard));
      if (known === "") return insteadOf(place, level, context);
      const fitting =
        standard === "SH" || standard === "CS" ? known.slice(0, 16) : standard === "LO" ? known.slice(0, 64) : known;
      return output(place, standard, ascii((standard === "CS" ? fitting.toUpperCase() : fitting).trim()));
    }
    default:
      // Application entity titles, documents: nothing here that could be told apart.
      return insteadOf(place, level, context);
  }
}

/** Every value by itself; where one does not pass, the basic profile's action takes the option's place. */
function checked(
  place: Place,
  level: Level,
  context: RuleContext,
  pass: (text: string) => string | undefined,
): OutputElement | undefined {
  const values = valuesOf(place.element.value);
  const passed = values.map(pass);
  if (passed.some((value) => value === undefined)) return insteadOf(place, level, context);
  // Unchanged values keep their very bytes, padding and all.
  const same = passed.every((value, index) => value === values[index]);
  return output(place, place.vr, same ? withoutControls(place.element.value) : ascii(passed.join("\\")));
}

/** What the basic profile says. What it does not list stays without a value: a number made up would be taken for one. */
function insteadOf(place: Place, level: Level, context: RuleContext): OutputElement | undefined {
  const listed = listedAction(place.element.tag, place.standard, context.profile) !== undefined;
  // Text may be required: free text, and a local code in a sequence that is cleaned.
  const isText = ["LT", "ST", "UT", "LO", "SH", "UC"].includes(place.standard);
  const action = listed ? basicActionOf(place.element.tag, place.standard) : isText ? "replace" : "empty";
  return perform(action, place, level, context);
}

/** Past a NUL, text may go on unseen. */
function withoutControls(value: Uint8Array): Uint8Array {
  const end = value.indexOf(0);
  return end < 0 ? value : value.subarray(0, end);
}

function recurse(place: Place, level: Level, context: RuleContext, cleaning: boolean): OutputElement | undefined {
  let read: SourceItem[];
  try {
    read = readItems(level.source, place.element);
  } catch (error) {
    // A sequence that cannot be read cannot be cleaned; it is lost, the rest is not.
    if (error instanceof DafhError && !isLimit(error)) return undefined;
    throw error;
  }
  const { characterSets } = level;
  return items(
    place,
    read.map((item) => applyRules(item, context, { characterSets, cleaning })),
  );
}

function items({ element }: Place, children: readonly (readonly OutputElement[])[]): OutputElement {
  const { tag, undefinedLength } = element;
  const value: OutputValue = { kind: "items", items: children, undefinedLength };
  return { tag, vr: element.vr === "UN" ? "UN" : "SQ", value };
}

function remapped(value: Uint8Array, key: Uint8Array): Uint8Array {
  return ascii(
    valuesOf(value)
      .map((uid) => (uid === "" ? "" : remapUid(uid, key)))
      .join("\\"),
  );
}
