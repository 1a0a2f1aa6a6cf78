/**
 * One found file to its encoding with the attributes that the profile lets through, or to the reason why it is refused.
 * Waits out an encoder that is busy or restarting; a fault that is not the file's own is thrown and ends the run.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import {
  type DeidentificationProfile,
  deidentifiedAttributes,
  deidentify,
  requireRetrievable,
} from "../../encoder/index.js";
import {
  asDafhError,
  DafhError,
  type EncodedFile,
  type EncodeOptions,
  type Encoder,
  ERRORS,
  type ImageSource,
} from "../../schemas/index.js";
import type { EncodedEntry } from "./commit.js";
import type { Found, FoundFile } from "./found.js";
import type { LabelRow, Labels } from "./labels.js";
import { isZip, readHead } from "./sources.js";

export type EncodeResult =
  | { readonly kind: "encoded"; readonly entry: EncodedEntry }
  | { readonly kind: "refused"; readonly path: string; readonly error: DafhError };

export interface EncodeParts {
  readonly encoder: Encoder;
  readonly labels: Labels;
  readonly profile: DeidentificationProfile;
  readonly secondaryCaptures: boolean;
  /** The site's. */
  readonly key: Uint8Array;
  /** Longest side; absent = none. */
  readonly previewSize?: number;
}

const WAITS_MS = [200, 500, 1_000, 2_000, 4_000, 8_000];

export async function encodeFound(found: Found, parts: EncodeParts): Promise<EncodeResult> {
  if (found.kind === "refused") return found;
  const { encoder, labels, profile, secondaryCaptures, key, previewSize } = parts;
  const row = labels.rowOf(found);
  try {
    const source = await found.open();
    if (row === undefined) await refuseUnnamed(source, found);
    const options = { pseudonymKey: key, ...(previewSize === undefined ? {} : { previewSize }) };
    const read = await encodePatiently(encoder, source, options);
    if (read.kind === "dicom") requireRetrievable(read.attributes, { secondaryCaptures });
    const encoded = await withoutBurnedInText(read, { found, row }, parts);
    if (row?.sha256 !== undefined && !row.sha256.startsWith(encoded.contentDigest)) {
      throw new DafhError("DIGEST_MISMATCH", "The labels manifest states another SHA-256 for this file.", {
        path: found.path,
      });
    }
    // From here on nothing knows more of the patient than the profile lets through.
    const attributes = deidentifiedAttributes(encoded.attributes, { profile, key });
    return { kind: "encoded", entry: { found, row, encoded: { ...encoded, attributes } } };
  } catch (thrown) {
    const error = asDafhError(thrown, isFileSystemError(thrown) ? "FILE_UNREADABLE" : "INTERNAL", { path: found.path });
    if (isFatal(error)) throw error;
    return { kind: "refused", path: found.path, error };
  }
}

/**
 * An image that may have a name burned in is refused, or seen as `dafh deidentify --pixels mask` writes it: its pixels,
 * and so its preview, code and digests, are those of the masked file.
 * @throws DafhError BURNED_IN_TEXT
 */
async function withoutBurnedInText(
  read: EncodedFile,
  { found, row }: { readonly found: FoundFile; readonly row: LabelRow | undefined },
  { encoder, profile, key, previewSize }: EncodeParts,
): Promise<EncodedFile> {
  const reason = burnedInReason(read, row);
  if (reason === undefined || profile.pixels === "keep") return read;
  if (profile.pixels === "refuse") throw new DafhError("BURNED_IN_TEXT", reason);
  if (read.kind === "image" || read.burnedInText === undefined) {
    throw new DafhError("BURNED_IN_TEXT", `${reason}, and nothing says where the image is and where the text`);
  }
  const source = await found.open();
  const masked = deidentify("path" in source ? await readFile(source.path) : source.bytes, { profile, key });
  const { frames, constantFrames, timingsMs } = await encodePatiently(
    encoder,
    { bytes: Buffer.concat(masked.parts) },
    previewSize === undefined ? {} : { previewSize },
  );
  return { ...read, frames, constantFrames, timingsMs };
}

/** The manifest speaks for a picture, which cannot say it itself; that text is burned in it may say of every file. */
function burnedInReason(read: EncodedFile, row: LabelRow | undefined): string | undefined {
  if (row?.burnedInAnnotation === "YES") return "the labels manifest says that text is burned in";
  if (read.kind === "image" && row?.burnedInAnnotation === "NO") return undefined;
  return read.burnedInText;
}

/** What the next file would meet as well. A file that this version cannot cope with (`internal`) is refused alone. */
function isFatal(error: DafhError): boolean {
  const { kind } = ERRORS[error.code];
  switch (kind) {
    case "input":
    case "internal":
      return false;
    case "state":
    case "service":
      return true;
  }
}

/** Pictures lie in folders for many reasons; only those that a manifest names are medical images to ingest. */
async function refuseUnnamed(source: ImageSource, { path }: FoundFile): Promise<void> {
  const head = "path" in source ? await readHead(source.path, 8) : source.bytes;
  if (isPicture(head)) {
    throw new DafhError("NOT_DICOM", "A PNG or JPEG picture that no --labels manifest names.", { path });
  }
  if (isZip(head)) {
    throw new DafhError("NOT_DICOM", "A zip archive inside a folder; name it itself to ingest what it holds.", {
      path,
    });
  }
}

/** The signatures of PNG (PNG 5.2) and JPEG (an SOI marker and the start of the next). */
function isPicture(head: Uint8Array): boolean {
  const starts = (...signature: number[]) => signature.every((byte, index) => head[index] === byte);
  return starts(0x89, 0x50, 0x4e, 0x47) || starts(0xff, 0xd8, 0xff);
}

async function encodePatiently(encoder: Encoder, source: ImageSource, options: EncodeOptions): Promise<EncodedFile> {
  for (const waitMs of WAITS_MS) {
    try {
      return await encoder.encode(source, options);
    } catch (thrown) {
      if (!(thrown instanceof DafhError && thrown.retryable)) throw thrown;
      await delay(waitMs);
    }
  }
  return encoder.encode(source, options);
}

function isFileSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown;
}
