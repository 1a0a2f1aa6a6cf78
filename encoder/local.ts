/**
 * The encoder on this machine: decode threads and network sessions joined, with a bound on what is under way between
 * them. Reached over HTTP it is `service.ts`; how either half works is for `decoding/` and `model/`.
 */
import type { Logger } from "pino";
import { Registry } from "prom-client";
import {
  DafhError,
  type EncodedFile,
  type EncodedFrame,
  type EncodeOptions,
  type Encoder,
  type EncoderInfo,
  type ErrorPlace,
  type ImageSource,
} from "../schemas/index.js";
import {
  type DecodedFrame,
  type DecodeLease,
  DecodePool,
  type DecodingLimits,
  type OpenedSummary,
} from "./decoding/index.js";
import { chosenFrames } from "./frames.js";
import { EncoderMetrics } from "./metrics.js";
import { Network, type NetworkBatch, readModel } from "./model/index.js";
import { Slots } from "./slots.js";

export interface LocalEncoderOptions {
  readonly modelDir: string;
  /** Decode threads, and as many network sessions on the CPU. */
  readonly workers: number;
  readonly limits: DecodingLimits;
  readonly logger?: Logger | undefined;
  readonly registry?: Registry | undefined;
}

/** Decoded frames for each place in a batch: one that is run, and some that wait, so that a session never does. */
const FRAMES_AHEAD = 4;

export class LocalEncoder implements Encoder {
  readonly #network: Network;
  readonly #decoders: DecodePool;
  /**
   * One for each frame between the start of its decoding and its embedding. Enough to fill a batch for every session
   * while the next is decoded; so a file of 10,000 frames holds no more inputs than this.
   */
  readonly #frameSlots: Slots;
  readonly #metrics: EncoderMetrics;
  #closing: Promise<void> | undefined;

  private constructor(network: Network, decoders: DecodePool, metrics: EncoderMetrics) {
    this.#network = network;
    this.#decoders = decoders;
    this.#frameSlots = new Slots(FRAMES_AHEAD * network.maxBatch * network.sessions);
    this.#metrics = metrics;
    metrics.watch(this.#info, () => ({
      waitingFiles: decoders.waiting,
      framesUnderWay: this.#frameSlots.taken,
    }));
  }

  /** @throws DafhError MODEL_UNREADABLE or ENCODER_UNAVAILABLE */
  static async open(options: LocalEncoderOptions): Promise<LocalEncoder> {
    const { modelDir, workers, limits, logger, registry = new Registry() } = options;
    const metrics = new EncoderMetrics(registry);
    const events = (thread: "decode" | "network") => ({
      onRestart: () => {
        metrics.threadReplaced(thread);
        logger?.warn({ thread }, "a thread ended and is replaced");
      },
      onPrint: (text: string) => logger?.debug({ thread, text }, "a thread printed"),
    });
    const onBatch = ({ size, runMs }: NetworkBatch): void => metrics.batchRan(size, runMs);
    const network = await Network.open(await readModel(modelDir), workers, { ...events("network"), onBatch });
    const decoders = new DecodePool(workers, limits, events("decode"));
    const encoder = new LocalEncoder(network, decoders, metrics);
    try {
      await decoders.warmUp();
    } catch (error) {
      await encoder.close();
      throw error;
    }
    logger?.info({ model: network.info.name, provider: network.provider, workers: network.sessions }, "encoder ready");
    return encoder;
  }

  /** Where its metrics are. */
  get registry(): Registry {
    return this.#metrics.registry;
  }

  get #info(): EncoderInfo {
    return { model: this.#network.info, provider: this.#network.provider, workers: this.#network.sessions };
  }

  async info(): Promise<EncoderInfo> {
    if (this.#closing !== undefined) throw closed();
    this.#network.check();
    return this.#info;
  }

  async encode(source: ImageSource, options: EncodeOptions = {}): Promise<EncodedFile> {
    try {
      if (this.#closing !== undefined) throw closed();
      const encoded = await this.#encode(source, options);
      this.#metrics.fileEnded("ok");
      return encoded;
    } catch (thrown) {
      this.#metrics.fileEnded(
        thrown instanceof DafhError ? thrown.code : options.signal?.aborted ? "aborted" : "INTERNAL",
      );
      throw thrown;
    }
  }

  /** What is under way is rejected with ENCODER_UNAVAILABLE; afterwards no thread is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#frameSlots.close(closed());
    await Promise.all([this.#decoders.close(), this.#network.close()]);
  }

  async #encode(source: ImageSource, options: EncodeOptions): Promise<EncodedFile> {
    const { signal } = options;
    const lease = await this.#decoders.acquire(source, signal);
    const results: Promise<{ readonly frame: EncodedFrame; readonly networkMs: number }>[] = [];
    const constantFrames: number[] = [];
    let networkFailed = false;
    let file: OpenedSummary;
    try {
      file = await lease.open(options.pseudonymKey, signal);
      const chosen = chosenFrames(options.frames, file.frames);
      lease.expectFrames(chosen.length);
      for (const frame of chosen) {
        const decoded = await this.#decodeFrame(lease, frame, options);
        if (decoded === "constant") {
          constantFrames.push(frame);
          continue;
        }
        const { input, pixelDigest, preview, slicePositionMm } = decoded;
        const given = {
          frame,
          pixelDigest,
          ...(slicePositionMm === undefined ? {} : { slicePositionMm }),
          ...(preview === undefined ? {} : { preview }),
        };
        const result = this.#network
          .run(input, signal)
          .then(({ embedding, attention, foreignScore, networkMs }) => ({
            frame: {
              ...given,
              embedding,
              ...(foreignScore === undefined ? {} : { foreignScore }),
              ...(attention === undefined || options.attention !== true ? {} : { attention }),
            },
            networkMs,
          }))
          .finally(() => this.#frameSlots.release());
        results.push(result);
        // The failure itself reaches the caller below; here it ends the decoding of what nobody will get.
        result.catch(() => {
          networkFailed = true;
        });
        if (networkFailed) break;
      }
      if (constantFrames.length === chosen.length) {
        const which = chosen.length === 1 ? "every pixel has the same value" : "in every frame all pixels are the same";
        throw new DafhError("IMAGE_CONSTANT", which, shownAs(source));
      }
      this.#metrics.fileDecoded(results.length, lease.spentMs);
    } finally {
      // Not waited for: after an abort the step under way may take long.
      void lease.release();
    }
    const embedded = await Promise.all(results);
    return {
      kind: file.kind,
      attributes: file.attributes,
      ...(file.burnedInText === undefined ? {} : { burnedInText: file.burnedInText }),
      contentDigest: file.contentDigest,
      frames: embedded.map(({ frame }) => frame),
      constantFrames,
      timingsMs: {
        decode: lease.spentMs,
        network: embedded.reduce((total, { networkMs }) => total + networkMs, 0),
      },
    };
  }

  /** Takes a frame slot, which is the caller's to release once it has an input. */
  async #decodeFrame(lease: DecodeLease, frame: number, options: EncodeOptions): Promise<DecodedFrame | "constant"> {
    await this.#frameSlots.acquire(options.signal);
    try {
      return await lease.frame(frame, options.previewSize, options.signal);
    } catch (thrown) {
      this.#frameSlots.release();
      // An empty frame at the end of a stack is common and no reason to refuse the stack.
      const leaveOut = options.frames === undefined && thrown instanceof DafhError && thrown.code === "IMAGE_CONSTANT";
      if (leaveOut) return "constant";
      throw thrown;
    }
  }
}

function shownAs(source: ImageSource): ErrorPlace {
  const path = "path" in source ? source.path : source.name;
  return path === undefined ? {} : { path };
}

function closed(): DafhError {
  return new DafhError("ENCODER_UNAVAILABLE", "the encoder has been closed");
}
