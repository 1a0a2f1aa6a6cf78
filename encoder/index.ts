/**
 * The encoder's front door: DICOM, PNG and JPEG files in, embeddings, attributes and previews out; in this process's
 * threads or behind a service, with one interface. Storing and searching embeddings is the plugin's matter.
 */
import { availableParallelism } from "node:os";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Encoder, ImageSource } from "../schemas/index.js";
import { RemoteEncoder } from "./client.js";
import {
  DEFAULT_DECODING_LIMITS,
  type DecodeLease,
  DecodePool,
  type DecodingLimits,
  type Inspection,
  type OpenedSummary,
} from "./decoding/index.js";
import type { SeriesFrame } from "./dicom/index.js";
import { LocalEncoder } from "./local.js";
import { PACKAGED_MODELS } from "./model/index.js";
import { type EncoderService, type ServiceLimits, serveEncoder } from "./service/service.js";

export type { DecodingLimits, Inspection } from "./decoding/index.js";
export {
  DEIDENTIFICATION_PROFILES,
  type DeidentificationProfile,
  type DeidentificationProfileName,
  type DeidentifiedFile,
  deidentifiedAttributes,
  deidentify,
} from "./dicom/deidentify/index.js";
export { requireRetrievable, type Series, type SeriesFrame, type Stack, seriesInSpatialOrder } from "./dicom/index.js";
export type { EncoderService, ServiceLimits } from "./service/service.js";

/** More network sessions than this gain nothing on the machines seen, and each keeps the weights. */
const MOST_WORKERS = 16;

export interface OpenEncoderOptions {
  /** A service's address (ENCODER_URL); absent = threads of this process. */
  readonly url?: string;
  /** Folder with one description and its ONNX file; absent = the network that comes with the package. */
  readonly modelDir?: string;
  /** Decode threads, and as many network sessions on the CPU; absent = one for each core, 16 at most. */
  readonly workers?: number;
  readonly limits?: Partial<DecodingLimits>;
  readonly logger?: Logger;
  /** Where the metrics of a local encoder go; absent = one of its own. */
  readonly registry?: Registry;
}

/**
 * Opens the encoder; whoever does closes it, which ends its threads and connections.
 * @throws DafhError MODEL_UNREADABLE, ENCODER_UNAVAILABLE, or BAD_OPTION for an address that is none
 */
export async function openEncoder(options: OpenEncoderOptions = {}): Promise<Encoder> {
  const { url, modelDir = PACKAGED_MODELS, logger, registry } = options;
  const workers = options.workers ?? Math.min(availableParallelism(), MOST_WORKERS);
  const limits = { ...DEFAULT_DECODING_LIMITS, ...options.limits };
  if (url !== undefined) return RemoteEncoder.open({ url, workers, limits });
  return LocalEncoder.open({ modelDir, workers, limits, logger, registry });
}

export interface StartEncoderServiceOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Stays the caller's: closing the service does not close it. */
  readonly encoder: Encoder;
  readonly logger: Logger;
  readonly limits?: Partial<ServiceLimits>;
}

/**
 * Serves POST /v1/encode, /v1/info, /healthz, /readyz and /metrics (the encoder's own metrics included).
 * @throws DafhError BAD_OPTION where the address cannot be listened on
 */
export async function startEncoderService(options: StartEncoderServiceOptions): Promise<EncoderService> {
  const { encoder } = options;
  return serveEncoder({ ...options, encoderMetrics: encoder instanceof LocalEncoder ? encoder.registry : undefined });
}

/** Looks into files one after the other without encoding them; keeps a thread until it is closed. */
export interface Inspector {
  /** @param frame from 1 @throws DafhError of the file's fault */
  inspect(source: ImageSource, frame: number): Promise<Inspection>;
  /** A file's frames with their places in space, for `seriesInSpatialOrder`; no pixel is decoded. */
  frames(source: ImageSource, path: string): Promise<readonly SeriesFrame[]>;
  close(): Promise<void>;
}

export function openInspector(limits: Partial<DecodingLimits> = {}): Inspector {
  const decoders = new DecodePool(1, { ...DEFAULT_DECODING_LIMITS, ...limits });
  const withOpened = async <Result>(
    source: ImageSource,
    look: (lease: DecodeLease, opened: OpenedSummary) => Promise<Result>,
  ): Promise<Result> => {
    const lease = await decoders.acquire(source);
    try {
      return await look(lease, await lease.open(undefined));
    } finally {
      void lease.release();
    }
  };
  return {
    inspect: (source, frame) => withOpened(source, (lease) => lease.inspect(frame)),
    frames: (source, path) =>
      withOpened(source, async (lease, { attributes }) => {
        const { seriesInstanceUid, frameOfReferenceUid, instanceNumber, modality } = attributes;
        const ofFile = { path, seriesInstanceUid, frameOfReferenceUid, instanceNumber, modality };
        return (await lease.planes()).map((plane, index) => ({ ...ofFile, frame: index + 1, plane }));
      }),
    close: () => decoders.close(),
  };
}

/** What the decoder sees of one frame. For many files `openInspector` keeps its thread. @throws as `inspect` */
export async function inspectFile(source: ImageSource, frame: number): Promise<Inspection> {
  const inspector = openInspector();
  try {
    return await inspector.inspect(source, frame);
  } finally {
    await inspector.close();
  }
}
