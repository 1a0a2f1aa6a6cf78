/**
 * Everything that is derived from the site's key: patients' pseudonyms, replacement UIDs and the days by which a
 * patient's dates are moved. HMAC-SHA256, one purpose a label; without the key nothing can be turned back or guessed.
 * Keeping the key is the catalogue's matter (`catalogue/site-key.ts`).
 */
import { createHmac } from "node:crypto";

/** Ten years back at most, a day at least. Always back: a date in the future would stand out. */
const LONGEST_SHIFT_DAYS = 3652;

export interface PatientIdentity {
  readonly patientId: string;
  /** "" where the file names none. */
  readonly issuer: string;
}

/**
 * The payload's `patientKey`: 128 bits, hex. The same patient of the same site gives the same key, and only who has the
 * site's key can tell whose it is. The issuer counts: two hospitals may both have a patient "1".
 */
export function patientKeyOf({ patientId, issuer }: PatientIdentity, key: Uint8Array): string {
  const identity = JSON.stringify(["patient", issuer.normalize("NFC"), patientId.normalize("NFC")]);
  return createHmac("sha256", key).update(identity, "utf8").digest("hex").slice(0, 32);
}

/** What Patient ID and Patient's Name become. `patient` is a `patientKey`, or a Study Instance UID where there is no Patient ID. */
export function pseudonymOf(patient: string, key: Uint8Array): string {
  return `P${digest("deidentified-patient", patient, key).toString("hex").slice(0, 24).toUpperCase()}`;
}

/** Days, negative, one number a patient. */
export function shiftDaysOf(patient: string, key: Uint8Array): number {
  return -1 - (digest("date-shift", patient, key).readUInt32BE(0) % LONGEST_SHIFT_DAYS);
}

/** A UID that is always the same for the same one: "2.25." and a UUID of version 8 as a number (PS3.5 B.2, RFC 9562 5.8). */
export function remapUid(uid: string, key: Uint8Array): string {
  const uuid = digest("uid", uid, key).subarray(0, 16);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x80, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return `2.25.${BigInt(`0x${uuid.toString("hex")}`)}`;
}

function digest(purpose: string, value: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key)
    .update(JSON.stringify([purpose, value]), "utf8")
    .digest();
}
