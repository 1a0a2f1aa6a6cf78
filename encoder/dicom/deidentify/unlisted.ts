/**
 * Attributes that Table E.1-1 does not list. They stay as the standard has it, unless their representation can carry an
 * identity: names, free text, dates, application entities, addresses and UIDs of no class.
 */
import type { Action, DeidentificationProfile } from "./profile.js";
import type { Place } from "./rule-context.js";
import { isUid, valuesOf } from "./values.js";

/** "1.2.840.10008.": UIDs that DICOM itself registers. */
const DICOM_ROOT = "1.2.840.10008.";
/** UI attributes that name a class, a coding scheme or an implementation, never an instance. */
const CLASS_UIDS: ReadonlySet<number> = new Set([
  0x00080016, 0x0008001a, 0x0008001b, 0x00081150, 0x0008115a, 0x0008010c,
]);

export function unlistedAction({ element, standard }: Place, profile: DeidentificationProfile): Action {
  switch (standard) {
    case "PN":
      return "empty";
    case "LT":
    case "ST":
    case "UT":
      // It may be one that must have a value (TrackingID of segmentations).
      return profile.cleanDescriptors ? "clean" : "replace";
    case "AE":
    case "UN":
    case "UR":
      return "remove";
    case "DA":
    case "DT":
    case "TM":
      // "All dates and times on the basis of their representation" is what PS3.15 E.1.1 recommends.
      return profile.dates === "remove" ? "replace" : profile.dates === "shift" ? "clean" : "keep";
    case "UI":
      return profile.retainUids || valuesOf(element.value).every((uid) => isClassUid(element.tag, uid))
        ? "keep"
        : "remapUid";
    default:
      return "keep";
  }
}

function isClassUid(tag: number, uid: string): boolean {
  return uid === "" || (isUid(uid) && (uid.startsWith(DICOM_ROOT) || CLASS_UIDS.has(tag)));
}
