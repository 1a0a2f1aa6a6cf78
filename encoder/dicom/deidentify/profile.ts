/**
 * What a de-identification lets through, as data: the basic profile of PS3.15 Annex E with the options that are
 * offered, the named presets, and what they make of one attribute. How it is carried out is `element-rules.ts`' matter.
 */
import { PROFILE_TABLE } from "./profile-table.generated.js";

/** The basic profile is always applied; each field is one option of PS3.15 E.3. */
export interface DeidentificationProfile {
  /** Named in the files that are written. */
  readonly name: string;
  /** Retain UIDs (E.3.9): the way back to the archive stays open. */
  readonly retainUids: boolean;
  /** Retain Longitudinal Temporal Information (E.3.6): `shift` moves all dates of a patient by one number of days. */
  readonly dates: "remove" | "shift" | "keep";
  /** Retain Device Identity (E.3.8). */
  readonly retainDeviceIdentity: boolean;
  /** Retain Patient Characteristics (E.3.7); ages of 90 and over are kept as 90. */
  readonly retainPatientCharacteristics: boolean;
  /** Clean Descriptors (E.3.5): known words stay, all else goes. Without it, descriptions go whole. */
  readonly cleanDescriptors: boolean;
  /** Retain Safe Private (E.3.10): numbers of known private blocks, which SUV among others needs. */
  readonly retainSafePrivate: boolean;
  /** Clean Pixel Data (E.3.1): images that may have text burned in are refused, or blackened where that can be known. `keep` leaves the option out. */
  readonly pixels: "refuse" | "mask" | "keep";
}

const STRICT: DeidentificationProfile = {
  name: "strict",
  retainUids: false,
  dates: "remove",
  retainDeviceIdentity: false,
  retainPatientCharacteristics: false,
  cleanDescriptors: false,
  retainSafePrivate: false,
  pixels: "refuse",
};

export const DEIDENTIFICATION_PROFILES = {
  /** Nothing but what the basic profile leaves. For publishing. */
  strict: STRICT,
  /** What longitudinal and quantitative (SUV) work needs; patients, UIDs and dates cannot be matched. */
  research: {
    ...STRICT,
    name: "research",
    dates: "shift",
    retainPatientCharacteristics: true,
    cleanDescriptors: true,
    retainSafePrivate: true,
  },
  /** For use inside the hospital: the patient's name is gone, the study can be found again. */
  hospital: {
    ...STRICT,
    name: "hospital",
    retainUids: true,
    dates: "keep",
    retainDeviceIdentity: true,
    retainPatientCharacteristics: true,
    cleanDescriptors: true,
    retainSafePrivate: true,
  },
} as const satisfies Record<string, DeidentificationProfile>;

export type DeidentificationProfileName = keyof typeof DEIDENTIFICATION_PROFILES;

/** Action codes of PS3.15 Table E.1-1a, the composite ones resolved. */
export type Action =
  | "remove"
  | "empty"
  | "replace"
  | "keep"
  | "clean"
  | "remapUid"
  /** X/Z/U*: the sequence stays, its references are remapped. */
  | "remapInside";

type OptionName = "safePrivate" | "uids" | "device" | "patient" | "fullDates" | "shiftedDates" | "descriptors";
type BasicCode = (typeof PROFILE_TABLE)[number][2];

interface ListedAttribute {
  readonly basic: BasicCode;
  readonly options: Readonly<Partial<Record<OptionName, string>>>;
}

const LISTED: ReadonlyMap<number, ListedAttribute> = new Map(
  PROFILE_TABLE.map(([tag, , basic, options]) => [tag, { basic, options: options ?? {} }]),
);
/** Type 2 in enhanced images (PS3.3 C.7.6.14). */
const ACQUISITION_CONTEXT_SEQUENCE = 0x00400555;
const TAG_OF_KEYWORD: ReadonlyMap<string, number> = new Map(PROFILE_TABLE.map(([tag, keyword]) => [keyword, tag]));

/** The tag of an attribute that Table E.1-1 lists. */
export function listedTag(keyword: string): number | undefined {
  return TAG_OF_KEYWORD.get(keyword);
}

/** What the profile says of an attribute, or undefined where Table E.1-1 does not list it. */
export function listedAction(tag: number, vr: string, profile: DeidentificationProfile): Action | undefined {
  const listed = LISTED.get(tag);
  if (listed === undefined) return undefined;
  const isTemporal = vr === "DA" || vr === "DT" || vr === "TM";
  const codes = chosenOptions(profile)
    // A date that identifies a device (of its calibration, say) is a date first: only the date options retain it.
    .filter((option) => !(isTemporal && option === "device"))
    .map((option) => listed.options[option]);
  if (codes.includes("C")) return "clean";
  if (codes.includes("K")) return "keep";
  return basicAction(tag, listed.basic, vr);
}

/** What the basic profile says where an option cannot be carried out. */
export function basicActionOf(tag: number, vr: string): Action {
  const listed = LISTED.get(tag);
  return listed === undefined ? "remove" : basicAction(tag, listed.basic, vr);
}

function chosenOptions(profile: DeidentificationProfile): OptionName[] {
  const chosen: OptionName[] = [];
  if (profile.retainUids) chosen.push("uids");
  if (profile.retainDeviceIdentity) chosen.push("device");
  if (profile.retainPatientCharacteristics) chosen.push("patient");
  if (profile.cleanDescriptors) chosen.push("descriptors");
  if (profile.dates === "keep") chosen.push("fullDates");
  if (profile.dates === "shift") chosen.push("shiftedDates");
  return chosen;
}

/**
 * Composite codes depend on the attribute's type in its IOD. What satisfies the strictest type that the code names
 * satisfies the others, so no table of IODs is needed: D before Z before X. Sequences are the exception: those with a
 * D are optional in images or belong to reports, so they go (PS3.15 E.1.1, note on attributes outside their IOD), and
 * of those with X/Z only one may be there without items.
 */
function basicAction(tag: number, code: BasicCode, vr: string): Action {
  switch (code) {
    case "X":
      return "remove";
    case "Z":
      return "empty";
    case "X/Z":
      return vr === "SQ" && tag !== ACQUISITION_CONTEXT_SEQUENCE ? "remove" : "empty";
    case "U":
      return "remapUid";
    case "X/Z/U*":
      return "remapInside";
    case "D":
    case "X/D":
    case "Z/D":
    case "X/Z/D":
      return vr === "SQ" ? "remove" : "replace";
  }
}
