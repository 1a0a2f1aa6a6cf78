/**
 * One DICOM file → one de-identified Part 10 file, as bytes: pure, the key and the profile are handed in. The pixel
 * data stays as it is, compressed or not, but for what `burned-in-text.ts`, `overlay-bits.ts` and
 * `codestream-comments.ts` must take out of it.
 */
import { deflateRawSync } from "node:zlib";
import { DafhError } from "../../../schemas/index.js";
import { inflated } from "../deflated.js";
import { formatTag } from "../dictionary.js";
import { type FileStart, readFileStart } from "../file-meta.js";
import { DEFAULT_LIMITS, type DicomLimits, isLimit } from "../limits.js";
import { pixelFreeKind } from "../sop-classes.js";
import { blackenOutsideRegions, burnedInReason, pixelStatements, refuseBurnedIn } from "./burned-in-text.js";
import { withoutComments } from "./codestream-comments.js";
import { readElements, type SourceItem, sourceOf } from "./element-reader.js";
import { applyRules } from "./element-rules.js";
import { type OutputElement, writeElements } from "./element-writer.js";
import { fileMeta, recordedMethod } from "./method.js";
import { withoutOverlayBits } from "./overlay-bits.js";
import type { DeidentificationProfile } from "./profile.js";
import { patientKeyOf, pseudonymOf, remapUid, shiftDaysOf } from "./pseudonyms.js";
import { TopLevel } from "./top-level.js";
import { isUid } from "./values.js";

export interface DeidentifyOptions {
  readonly profile: DeidentificationProfile;
  /** The site's key: at least 16 bytes. The same key gives the same pseudonyms, UIDs and dates. */
  readonly key: Uint8Array;
  readonly limits?: Partial<DicomLimits>;
}

export interface DeidentifiedFile {
  /** The file's bytes, in order; large ones are parts of the input and must not be changed. */
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;
  /** As in the new file. */
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string | undefined;
  readonly studyInstanceUid: string | undefined;
}

const LEAST_KEY_BYTES = 16;
const DICOMDIR_CLASS = "1.2.840.10008.1.3.10";
const SOP_CLASS_UID = 0x00080016;
const SOP_INSTANCE_UID = 0x00080018;
const PATIENT_ID = 0x00100020;
const ISSUER_OF_PATIENT_ID = 0x00100021;
const STUDY_INSTANCE_UID = 0x0020000d;
const SERIES_INSTANCE_UID = 0x0020000e;
const PIXEL_DATA = 0x7fe00010;

/** @throws DafhError of the file and DICOM codes, BURNED_IN_TEXT among them; no message holds a value of the file */
export function deidentify(bytes: Uint8Array, { profile, key, limits: given }: DeidentifyOptions): DeidentifiedFile {
  requireKey(key);
  const limits = { ...DEFAULT_LIMITS, ...given };
  if (bytes.length > limits.fileBytes) {
    throw new DafhError("FILE_TOO_LARGE", `the file has ${bytes.length} bytes; the limit is ${limits.fileBytes}`);
  }
  const start = readFileStart(bytes);
  if (start.mediaStorageSopClassUid === DICOMDIR_CLASS) throw new DafhError("DICOMDIR", "the file is a DICOMDIR");
  const item = readTopLevel(bytes, start, limits);
  const file = new TopLevel(item);
  const { sopClassUid, sopInstanceUid } = requireIdentity(file, profile);
  const pixelData = cleanPixelData(file, profile);

  const patient = patientOf(file, key) ?? sopInstanceUid;
  const method = recordedMethod(profile);
  const kept = applyRules(item, {
    profile,
    key,
    pseudonym: pseudonymOf(patient, key),
    shiftDays: shiftDaysOf(patient, key),
  }).filter(({ tag }) => !method.tags.has(tag));
  const elements = [...kept, ...method.elements]
    .map((element) => (element.tag === PIXEL_DATA && pixelData !== undefined ? withBytes(element, pixelData) : element))
    .sort((a, b) => a.tag - b.tag);

  const newUid = (uid: string): string => (profile.retainUids ? uid : remapUid(uid, key));
  const { transferSyntax } = start;
  const newInstanceUid = newUid(sopInstanceUid);
  const meta = fileMeta({ sopClassUid, sopInstanceUid: newInstanceUid, transferSyntaxUid: transferSyntax.uid });
  const dataset = writeElements(elements, transferSyntax.encoding);
  const parts = [...meta, ...(transferSyntax.deflated ? deflated(dataset) : dataset)];
  return {
    parts,
    byteLength: parts.reduce((sum, part) => sum + part.length, 0),
    sopInstanceUid: newInstanceUid,
    seriesInstanceUid: mapped(file.string(SERIES_INSTANCE_UID), newUid),
    studyInstanceUid: mapped(file.string(STUDY_INSTANCE_UID), newUid),
  };
}

/** @throws DafhError BAD_OPTION */
export function requireKey(key: Uint8Array): void {
  if (key.length >= LEAST_KEY_BYTES) return;
  throw new DafhError("BAD_OPTION", `the key has ${key.length} bytes; it takes at least ${LEAST_KEY_BYTES}`, {
    field: "key",
  });
}

function readTopLevel(bytes: Uint8Array, start: FileStart, limits: DicomLimits): SourceItem {
  const { deflated: isDeflated, encoding } = start.transferSyntax;
  const whole = isDeflated ? inflated(bytes.subarray(start.datasetOffset), limits) : bytes;
  const source = sourceOf(whole, encoding, limits);
  try {
    return { source, elements: readElements(source, isDeflated ? 0 : start.datasetOffset, whole.length) };
  } catch (error) {
    if (start.hasMagic || !(error instanceof DafhError) || isLimit(error)) throw error;
    throw new DafhError("NOT_DICOM", "no Part 10 header, and no dataset that can be read", error.where, {
      cause: error,
    });
  }
}

/**
 * Reports, presentation states, documents and the like are text through and through: the options that would clean
 * them (graphics, structured content) are not offered. Private classes are not covered by the profile at all.
 */
function requireIdentity(
  file: TopLevel,
  { retainUids }: DeidentificationProfile,
): { readonly sopClassUid: string; readonly sopInstanceUid: string } {
  const sopClassUid = file.string(SOP_CLASS_UID);
  const sopInstanceUid = file.string(SOP_INSTANCE_UID);
  const place = (tag: number) => ({ tag: formatTag(tag) });
  if (sopClassUid === undefined)
    throw new DafhError("ATTRIBUTE_MISSING", "SOP Class UID is missing", place(SOP_CLASS_UID));
  if (!isUid(sopClassUid)) throw new DafhError("ATTRIBUTE_INVALID", "SOP Class UID is no UID", place(SOP_CLASS_UID));
  const kind = pixelFreeKind(sopClassUid);
  if (kind !== undefined) {
    throw new DafhError(
      "UNSUPPORTED_SOP_CLASS",
      `the object is ${kind}; only images are de-identified`,
      place(SOP_CLASS_UID),
    );
  }
  if (!file.has(PIXEL_DATA) && !file.has(0x7fe00008) && !file.has(0x7fe00009)) {
    throw new DafhError(
      "NO_PIXEL_DATA",
      "the object has no pixel data; only images are de-identified",
      place(PIXEL_DATA),
    );
  }
  if (sopInstanceUid === undefined) {
    throw new DafhError("ATTRIBUTE_MISSING", "SOP Instance UID is missing", place(SOP_INSTANCE_UID));
  }
  for (const tag of [SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID]) {
    // A new UID can be made from anything; what is retained must be one.
    if (retainUids && !isUid(file.string(tag) ?? "0")) {
      throw new DafhError("ATTRIBUTE_INVALID", `${formatTag(tag)} is to be retained and is no UID`, place(tag));
    }
  }
  return { sopClassUid, sopInstanceUid };
}

/** @returns the pixel data where it had to be changed */
function cleanPixelData(file: TopLevel, { pixels }: DeidentificationProfile): Uint8Array | undefined {
  const element = file.element(PIXEL_DATA);
  let cleaned: Uint8Array | undefined;
  const reason = burnedInReason(pixelStatements(file));
  if (reason !== undefined && pixels === "refuse") refuseBurnedIn(reason);
  if (reason !== undefined && pixels === "mask") cleaned = blackenOutsideRegions(file, reason);
  if (element?.undefinedLength === true && pixels !== "keep") cleaned = withoutComments(element.value);
  const current = cleaned ?? element?.value;
  return (current && withoutOverlayBits(file, current)) ?? cleaned;
}

/** Whose dates move together; a study by itself where there is no Patient ID. */
function patientOf(file: TopLevel, key: Uint8Array): string | undefined {
  const patientId = file.text(PATIENT_ID, "LO");
  if (patientId === undefined) return file.string(STUDY_INSTANCE_UID);
  return patientKeyOf({ patientId, issuer: file.text(ISSUER_OF_PATIENT_ID, "LO") ?? "" }, key);
}

function withBytes(element: OutputElement, bytes: Uint8Array): OutputElement {
  const { kind } = element.value;
  return kind === "items" ? element : { ...element, value: { kind, bytes } };
}

function mapped(uid: string | undefined, map: (uid: string) => string): string | undefined {
  return uid === undefined ? undefined : map(uid);
}

/** Even in length, as all of a DICOM file (PS3.5 A.5). */
function deflated(dataset: readonly Uint8Array[]): Uint8Array[] {
  const compressed = deflateRawSync(Buffer.concat(dataset));
  return compressed.length % 2 === 0 ? [compressed] : [compressed, new Uint8Array(1)];
}
