/**
 * De-identification by PS3.15 Annex E: files (`deidentify`) and the attributes that ingestion stores
 * (`deidentifiedAttributes`), by one profile and one key. `docs/deidentification.md` says what each option does.
 */
export { deidentifiedAttributes } from "./attributes.js";
export { type DeidentifiedFile, type DeidentifyOptions, deidentify } from "./deidentify.js";
export {
  DEIDENTIFICATION_PROFILES,
  type DeidentificationProfile,
  type DeidentificationProfileName,
} from "./profile.js";
