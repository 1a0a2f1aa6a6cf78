/**
 * The attributes of an instance as a profile lets them through: the same table, key and derivations as for files, so
 * that what is stored and what `dafh deidentify` writes tell the same things. Pure.
 */
import { type InstanceAttributes, PAYLOAD_FIELDS, type PayloadFieldName } from "../../../schemas/index.js";
import { requireKey } from "./deidentify.js";
import { type DeidentificationProfile, listedAction, listedTag } from "./profile.js";
import { remapUid, shiftDaysOf } from "./pseudonyms.js";
import { standardRepresentation } from "./representations.js";

const DAY_MS = 86_400_000;

/**
 * @param attributes as the encoder read them, with the `patientKey` where the patient is known
 * @returns fields whose attribute the profile removes are absent; UIDs are remapped and dates moved as in files
 */
export function deidentifiedAttributes(
  attributes: InstanceAttributes,
  { profile, key }: { readonly profile: DeidentificationProfile; readonly key: Uint8Array },
): InstanceAttributes {
  requireKey(key);
  const patient = attributes.patientKey ?? attributes.studyInstanceUid ?? attributes.sopInstanceUid;
  const kept = Object.entries(attributes).map(([name, value]) => {
    // The cast: the keys of InstanceAttributes are names of fields.
    const source = PAYLOAD_FIELDS[name as PayloadFieldName]?.source ?? null;
    return [name, source === null ? value : pass(source, value, { profile, key, patient })] as const;
  });
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
}

interface PassContext {
  readonly profile: DeidentificationProfile;
  readonly key: Uint8Array;
  readonly patient: string | undefined;
}

function pass(keyword: string, value: unknown, { profile, key, patient }: PassContext): unknown {
  const tag = listedTag(keyword);
  if (tag === undefined) return value;
  const vr = standardRepresentation(tag) ?? "UN";
  switch (listedAction(tag, vr, profile)) {
    case undefined:
    case "keep":
      return value;
    case "remapUid":
      return typeof value === "string" ? remapUid(value, key) : undefined;
    case "clean":
      return vr === "DA" && typeof value === "string" && patient !== undefined
        ? movedDay(value, shiftDaysOf(patient, key))
        : undefined;
    case "remove":
    case "empty":
    case "replace":
    case "remapInside":
      return undefined;
  }
}

/** RFC 3339, as the payload has days. */
function movedDay(day: string, days: number): string | undefined {
  const time = Date.parse(day);
  return Number.isNaN(time) ? undefined : new Date(time + days * DAY_MS).toISOString().replace(".000Z", "Z");
}
