/**
 * What the encoder gives for one file: attributes, and an embedding and a preview a frame, all at once or one by one.
 * The CLI and the gateway take it from here to the plugin; neither side knows the other.
 */
import type { Embedding, ModelInfo } from "./embedding.js";
import type { InstanceAttributes } from "./payload.js";

/** A file to encode: by path where encoder and file share a machine, else by its bytes. */
export type ImageSource =
  | { readonly path: string }
  | {
      readonly bytes: Uint8Array;
      /** Shown in errors; never a patient's name. */
      readonly name?: string;
      /** The encoder may take the memory of `bytes` instead of copying it: they are empty afterwards. */
      readonly disposable?: boolean;
    };

export interface EncodeOptions {
  /** Frames to encode, from 1; absent = all. */
  readonly frames?: readonly number[];
  /** Longest side of a PNG preview in pixels; absent = no preview. */
  readonly previewSize?: number;
  /** Key of the patient's pseudonym; absent = no `patientKey`. */
  readonly pseudonymKey?: Uint8Array;
  /** Whether to give the attention maps too. */
  readonly attention?: boolean;
  readonly signal?: AbortSignal;
}

/** Where the network looked: a square over the whole of its input, the most looked at is 1. */
export interface AttentionMap {
  readonly rows: number;
  readonly columns: number;
  /** Row-major, in [0, 1]. */
  readonly values: Float32Array;
}

export interface EncodedFrame {
  /** From 1. */
  readonly frame: number;
  readonly embedding: Embedding;
  /** SHA-256 of the stored values as int32 little endian, row-major: first 128 bits, hex. */
  readonly pixelDigest: string;
  /** Of this frame along the slice normal; absent where the file does not tell. */
  readonly slicePositionMm?: number;
  /** 8-bit grey PNG. */
  readonly preview?: Uint8Array;
  /** How unlike everything that the network was trained on: above 1 the image is foreign. Absent where the network has no such output. */
  readonly foreignScore?: number;
  /** Only where asked for, and where the network has such an output. */
  readonly attention?: AttentionMap;
}

export interface EncodedFile {
  readonly kind: "dicom" | "image";
  /** As the file has them; what is stored or shown of them is for a de-identification profile to say. */
  readonly attributes: InstanceAttributes;
  /** Why text may be burned into the pixels; absent where nothing in a header, or in a picture's pixels, speaks for it. */
  readonly burnedInText?: string;
  /** SHA-256 of the file's bytes: first 128 bits, hex. */
  readonly contentDigest: string;
  readonly frames: readonly EncodedFrame[];
  /** Frames that are not among `frames` because all their pixels have one value; empty where frames were asked for by number. */
  readonly constantFrames: readonly number[];
  /** Time inside the decoder, and this file's share of the time of its batches in the network. */
  readonly timingsMs: { readonly decode: number; readonly network: number };
}

/** What is known of a file before any of its frames is encoded. */
export type OpenedImage = Pick<EncodedFile, "kind" | "attributes" | "burnedInText" | "contentDigest">;

/** Takes a file's frames as they come. What it throws ends the encoding. */
export interface FrameSink {
  /** Before the first frame. Called again where an encoder elsewhere has to begin anew: the frames so far are void then. */
  opened?(file: OpenedImage): void | Promise<void>;
  /** In order. While it has not resolved, some dozens of further frames are encoded and no more. */
  frame(frame: EncodedFrame): void | Promise<void>;
}

/** The encoder, wherever it runs: in this process's workers or behind ENCODER_URL. */
export interface Encoder {
  /** For few frames, or without previews: it holds them all. @throws as `encodeTo` */
  encode(source: ImageSource, options?: EncodeOptions): Promise<EncodedFile>;
  /**
   * Holds no more frames of a file of 10,000 than of one of 100. Whether each of them can be encoded is known when it
   * resolves, and not before.
   * @throws DafhError with a code of the file's fault, ENCODER_UNAVAILABLE or OVERLOADED; whatever the sink throws
   */
  encodeTo(sink: FrameSink, source: ImageSource, options?: EncodeOptions): Promise<Omit<EncodedFile, "frames">>;
  info(): Promise<EncoderInfo>;
  close(): Promise<void>;
}

export interface EncoderInfo {
  readonly model: ModelInfo;
  /** The ONNX Runtime execution provider in use. */
  readonly provider: "cuda" | "cpu";
  readonly workers: number;
}
