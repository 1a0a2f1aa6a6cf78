/**
 * One found file to its encoding with the attributes that the profile lets through, or to the reason why it is refused.
 * Waits out an encoder that is busy or restarting; a fault that is not the file's own is thrown and ends the run.
 */
import { type FileHandle, readFile } from "node:fs/promises";
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
  type FrameSink,
  type ImageSource,
  type OpenedImage,
} from "../../schemas/index.js";
import type { LargeEntry } from "./commit-large.js";
import type { Found, FoundFile } from "./found.js";
import { FrameStore } from "./frame-store.js";
import type { LabelRow, Labels } from "./labels.js";
import { isZip, readHead } from "./sources.js";

export type EncodeResult =
  /** Whoever has it closes the entry's frames. */
  | { readonly kind: "encoded"; readonly entry: LargeEntry }
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
  /** Where the frames of a large file are kept until it is encoded. */
  readonly scratchFile: () => Promise<FileHandle>;
}

const WAITS_MS = [200, 500, 1_000, 2_000, 4_000, 8_000];

export async function encodeFound(found: Found, parts: EncodeParts): Promise<EncodeResult> {
  if (found.kind === "refused") return found;
  const { labels, profile, key } = parts;
  const row = labels.rowOf(found);
  const frames = new FrameStore(parts.scratchFile);
  try {
    if (row === undefined) await refuseUnnamed(await found.open(), found);
    const encoded = await encodeInto(frames, found, parts);
    // From here on nothing knows more of the patient than the profile lets through.
    const attributes = deidentifiedAttributes(encoded.attributes, { profile, key });
    return { kind: "encoded", entry: { found, row, encoded: { ...encoded, attributes }, frames } };
  } catch (thrown) {
    await frames.close();
    const error = asDafhError(thrown, isFileSystemError(thrown) ? "FILE_UNREADABLE" : "INTERNAL", { path: found.path });
    if (isFatal(error)) throw error;
    return { kind: "refused", path: found.path, error };
  }
}

/**
 * What is wrong with a whole file is found before any of its frames is encoded. One that may have a name burned in is
 * refused, or seen as `dafh deidentify --pixels mask` writes it: its pixels, and so its preview, code and digests, are
 * those of the masked file.
 * @throws DafhError of the file's fault, BURNED_IN_TEXT and DIGEST_MISMATCH among them
 */
async function encodeInto(
  frames: FrameStore,
  found: FoundFile,
  parts: EncodeParts,
): Promise<Omit<EncodedFile, "frames">> {
  const { encoder, labels, profile, key, previewSize } = parts;
  const keep: FrameSink = { opened: () => frames.clear(), frame: (frame) => frames.add(frame) };
  const options = { pseudonymKey: key, ...(previewSize === undefined ? {} : { previewSize }) };
  let toMask: OpenedImage | undefined;
  const check = (file: OpenedImage): void => {
    requireWanted(file, found, parts);
    const reason = burnedInReason(file, labels.rowOf(found));
    if (reason === undefined || profile.pixels === "keep") return;
    if (profile.pixels === "refuse") throw new DafhError("BURNED_IN_TEXT", reason);
    if (file.kind === "image" || file.burnedInText === undefined) {
      throw new DafhError("BURNED_IN_TEXT", `${reason}, and nothing says where the image is and where the text`);
    }
    toMask = file;
    throw new DafhError("BURNED_IN_TEXT", reason);
  };
  const checked: FrameSink = {
    ...keep,
    opened: (file) => {
      check(file);
      frames.clear();
    },
  };
  try {
    return await encodePatiently(encoder, checked, await found.open(), options);
  } catch (thrown) {
    if (toMask === undefined) throw thrown;
  }
  const source = await found.open();
  const masked = deidentify("path" in source ? await readFile(source.path) : source.bytes, { profile, key });
  const { constantFrames, timingsMs } = await encodePatiently(
    encoder,
    keep,
    { bytes: Buffer.concat(masked.parts) },
    options,
  );
  return { ...toMask, constantFrames, timingsMs };
}

/** @throws DafhError */
function requireWanted(file: OpenedImage, found: FoundFile, { labels, secondaryCaptures }: EncodeParts): void {
  if (file.kind === "dicom") requireRetrievable(file.attributes, { secondaryCaptures });
  const stated = labels.rowOf(found)?.sha256;
  if (stated === undefined || stated.startsWith(file.contentDigest)) return;
  throw new DafhError("DIGEST_MISMATCH", "The labels manifest states another SHA-256 for this file.", {
    path: found.path,
  });
}

/** The manifest speaks for a picture, which cannot say it itself; that text is burned in it may say of every file. */
function burnedInReason(read: OpenedImage, row: LabelRow | undefined): string | undefined {
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

async function encodePatiently(
  encoder: Encoder,
  sink: FrameSink,
  source: ImageSource,
  options: EncodeOptions,
): Promise<Omit<EncodedFile, "frames">> {
  for (const waitMs of WAITS_MS) {
    try {
      return await encoder.encodeTo(sink, source, options);
    } catch (thrown) {
      // Room for a file's frames does not come by waiting, and each trial encodes all of them.
      const passes = thrown instanceof DafhError && thrown.retryable && thrown.code !== "DISK_FULL";
      if (!passes) throw thrown;
      await delay(waitMs);
    }
  }
  return encoder.encodeTo(sink, source, options);
}

function isFileSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown;
}
