/** What `pool.ts` asks of a decode thread and gets back. A thread has at most one file open. */
import type { InstanceAttributes } from "../../schemas/index.js";
import type { Plane } from "../dicom/index.js";
import type { Inspection } from "./inspection.js";

export interface DecodeThreadData {
  readonly fileBytes: number;
}

export type DecodeRequest =
  | { readonly kind: "ready" }
  | {
      readonly kind: "open";
      readonly source: { readonly path: string } | { readonly bytes: Uint8Array };
      /** Stands in errors. */
      readonly shownAs: string | undefined;
      readonly pseudonymKey: Uint8Array | undefined;
    }
  | { readonly kind: "hash" }
  | { readonly kind: "frame"; readonly frame: number; readonly previewSize: number | undefined }
  | { readonly kind: "inspect"; readonly frame: number }
  | { readonly kind: "planes" }
  | { readonly kind: "close" };

export interface OpenedSummary {
  readonly kind: "dicom" | "image";
  readonly frames: number;
  readonly attributes: InstanceAttributes;
  readonly burnedInText: string | undefined;
  readonly contentDigest: string;
}

export interface DecodedFrame {
  /** S × S, the network's input. */
  readonly input: Float32Array<ArrayBuffer>;
  readonly pixelDigest: string;
  /** PNG */
  readonly preview: Uint8Array<ArrayBuffer> | undefined;
  readonly slicePositionMm: number | undefined;
}

/** By the kind of the request. */
export interface DecodeAnswers {
  readonly ready: null;
  /** Without the digest where the file is large: it comes by `hash`, asked for until it is there. */
  readonly open: Omit<OpenedSummary, "contentDigest"> & { readonly contentDigest: string | undefined };
  readonly hash: string | undefined;
  readonly frame: DecodedFrame;
  readonly inspect: Inspection;
  readonly planes: readonly (Plane | undefined)[];
  readonly close: null;
}

export type DecodeAnswer = DecodeAnswers[keyof DecodeAnswers];
