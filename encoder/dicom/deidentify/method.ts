/**
 * What a de-identified file says of how it was made (PS3.3 C.12.1.1.7, codes of PS3.16 CID 7050), and its file meta
 * information, which is made anew: whatever the old one held of titles and private information is gone.
 */
import { EXPLICIT_LITTLE_ENDIAN } from "../transfer-syntaxes.js";
import { type OutputElement, writeElements } from "./element-writer.js";
import type { DeidentificationProfile } from "./profile.js";
import { PROFILE_EDITION } from "./profile-table.generated.js";
import { ascii } from "./values.js";

/** This implementation, for ever: the UUID 3e1f7c52-5a0b-4f0e-9c37-8f64f0b7d2a1. */
const IMPLEMENTATION_CLASS_UID = `2.25.${BigInt("0x3e1f7c525a0b4f0e9c378f64f0b7d2a1")}`;
const IMPLEMENTATION_VERSION_NAME = "QDRANT_DAFH_1";

const PREAMBLE_BYTES = 128;

export interface RecordedMethod {
  /** Top-level tags that are set anew. */
  readonly tags: ReadonlySet<number>;
  readonly elements: readonly OutputElement[];
}

export function recordedMethod(profile: DeidentificationProfile): RecordedMethod {
  const elements: OutputElement[] = [
    text(0x00120062, "CS", "YES"),
    text(0x00120063, "LO", `qdrant-dafh, ${PROFILE_EDITION} Annex E\\profile ${profile.name}`),
    {
      tag: 0x00120064,
      vr: "SQ",
      value: { kind: "items", items: methodCodes(profile).map(codeItem), undefinedLength: false },
    },
    text(0x00280303, "CS", { remove: "REMOVED", shift: "MODIFIED", keep: "UNMODIFIED" }[profile.dates]),
  ];
  if (profile.pixels !== "keep") elements.push(text(0x00280301, "CS", "NO"));
  return { tags: new Set(elements.map(({ tag }) => tag)), elements };
}

/** Code values and meanings of CID 7050. */
function methodCodes(profile: DeidentificationProfile): (readonly [string, string])[] {
  const codes: (readonly [string, string])[] = [["113100", "Basic Application Confidentiality Profile"]];
  if (profile.pixels !== "keep") codes.push(["113101", "Clean Pixel Data Option"]);
  if (profile.cleanDescriptors) codes.push(["113105", "Clean Descriptors Option"]);
  if (profile.dates === "keep") {
    codes.push(["113106", "Retain Longitudinal Temporal Information Full Dates Option"]);
  }
  if (profile.dates === "shift") {
    codes.push(["113107", "Retain Longitudinal Temporal Information Modified Dates Option"]);
  }
  if (profile.retainPatientCharacteristics) codes.push(["113108", "Retain Patient Characteristics Option"]);
  if (profile.retainDeviceIdentity) codes.push(["113109", "Retain Device Identity Option"]);
  if (profile.retainUids) codes.push(["113110", "Retain UIDs Option"]);
  if (profile.retainSafePrivate) codes.push(["113111", "Retain Safe Private Option"]);
  return codes;
}

function codeItem([value, meaning]: readonly [string, string]): OutputElement[] {
  return [text(0x00080100, "SH", value), text(0x00080102, "SH", "DCM"), text(0x00080104, "LO", meaning)];
}

export interface FileIdentity {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
}

/** Preamble, "DICM" and group 0002 (PS3.10 7.1). */
export function fileMeta({ sopClassUid, sopInstanceUid, transferSyntaxUid }: FileIdentity): Uint8Array[] {
  const group = writeElements(
    [
      { tag: 0x00020001, vr: "OB", value: { kind: "bytes", bytes: Uint8Array.of(0, 1) } },
      text(0x00020002, "UI", sopClassUid),
      text(0x00020003, "UI", sopInstanceUid),
      text(0x00020010, "UI", transferSyntaxUid),
      text(0x00020012, "UI", IMPLEMENTATION_CLASS_UID),
      text(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME),
    ],
    EXPLICIT_LITTLE_ENDIAN,
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(group.reduce((sum, part) => sum + part.length, 0));
  const groupLength: OutputElement = { tag: 0x00020000, vr: "UL", value: { kind: "bytes", bytes: length } };
  const start = Buffer.alloc(PREAMBLE_BYTES + 4);
  start.write("DICM", PREAMBLE_BYTES, "latin1");
  return [start, ...writeElements([groupLength], EXPLICIT_LITTLE_ENDIAN), ...group];
}

function text(tag: number, vr: string, value: string): OutputElement {
  return { tag, vr, value: { kind: "bytes", bytes: ascii(value) } };
}
