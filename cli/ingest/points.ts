/**
 * What is stored of an encoded file: its points, with the payload made from the file's attributes, its manifest row
 * and the network's name. Pure; which of them are written is decided in `decide.ts`.
 */
import { createHmac } from "node:crypto";
import { type DafhPoint, pointId } from "../../plugin/index.js";
import {
  codeToHex,
  type EncodedFile,
  type EncodedFrame,
  type InstancePayload,
  type ModelInfo,
  packCode,
} from "../../schemas/index.js";
import type { LabelRow } from "./labels.js";

/**
 * What names the instance for ever: its UID as the profile lets it through, so that unless UIDs are retained the id of
 * a point can be made, or tried out, only with the site's key. An image without a SOP Instance UID (PNG, JPEG, or DICOM
 * that lost it) is named by its bytes, so that ingesting it twice is still ingesting it once.
 */
export function instanceName({ attributes, contentDigest }: Named, pseudonymKey: Uint8Array): string {
  return attributes.sopInstanceUid ?? `content:${keyedDigest(contentDigest, pseudonymKey)}`;
}

type Named = Pick<EncodedFile, "attributes" | "contentDigest">;

/** A digest of the whole file is one of its header as well, which whoever guesses at could try out. */
function keyedDigest(contentDigest: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(`content:${contentDigest}`).digest("hex").slice(0, 32);
}

export interface PointContext {
  readonly model: ModelInfo;
  readonly pseudonymKey: Uint8Array;
  /** Name of the de-identification profile that the attributes went through. */
  readonly profile: string;
  readonly row?: LabelRow | undefined;
}

/** One point a frame, in frame order. */
export function pointsOf(file: EncodedFile, context: PointContext): DafhPoint[] {
  const name = instanceName(file, context.pseudonymKey);
  return file.frames.map((frame) => ({
    id: pointId(name, frame.frame),
    embedding: frame.embedding,
    payload: payloadOf(file, frame, context),
  }));
}

function payloadOf(
  file: EncodedFile,
  frame: EncodedFrame,
  { model, pseudonymKey, profile, row }: PointContext,
): InstancePayload {
  const payload: InstancePayload = {
    ...file.attributes,
    // A DICOM file says itself what it shows; the manifest speaks for images that cannot.
    ...(file.kind === "image" && row !== undefined ? imageAttributes(row, pseudonymKey) : {}),
    frame: frame.frame,
    ...(frame.slicePositionMm === undefined ? {} : { slicePositionMm: frame.slicePositionMm }),
    code: codeToHex(packCode(frame.embedding.hash)),
    pixelDigest: frame.pixelDigest,
    contentDigest: keyedDigest(file.contentDigest, pseudonymKey),
    modelDigest: model.digest,
    label: row?.label,
    profile,
  };
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
}

/** What a manifest says of an image that cannot say it itself. */
export function imageAttributes(row: LabelRow, pseudonymKey: Uint8Array): InstancePayload {
  return {
    modality: row.modality,
    bodyPartExamined: row.bodyPart,
    patientKey: row.patient === undefined ? undefined : pseudonym(row.patient, pseudonymKey),
  };
}

function pseudonym(patient: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(`manifest:${patient}`).digest("hex").slice(0, 32);
}
