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
  type FrameSink,
  type ImageSource,
  type OpenedImage,
} from "../schemas/index.js";
import { type DecodedFrame, type DecodeLease, DecodePool, type DecodingLimits } from "./decoding/index.js";
import { Delivery } from "./delivery.js";
import { chosenFrames } from "./frames.js";
import { gathered } from "./gathered.js";
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
/** Frames of a file that may be ahead of whoever takes them: with their previews, a few MiB. */
const FRAMES_UNTAKEN = 64;

interface Encoded {
  readonly frame: EncodedFrame;
  readonly networkMs: number;
}

interface Encoding {
  readonly delivery: Delivery<Encoded>;
  readonly sink: FrameSink;
  readonly source: ImageSource;
  readonly options: EncodeOptions;
}

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

  encode(source: ImageSource, options: EncodeOptions = {}): Promise<EncodedFile> {
    return gathered((sink) => this.encodeTo(sink, source, options));
  }

  async encodeTo(
    sink: FrameSink,
    source: ImageSource,
    options: EncodeOptions = {},
  ): Promise<Omit<EncodedFile, "frames">> {
    try {
      if (this.#closing !== undefined) throw closed();
      const encoded = await this.#encode(sink, source, options);
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

  async #encode(sink: FrameSink, source: ImageSource, options: EncodeOptions): Promise<Omit<EncodedFile, "frames">> {
    const lease = await this.#decoders.acquire(source, options.signal);
    let networkMs = 0;
    const delivery = new Delivery<Encoded>(FRAMES_UNTAKEN, (encoded) => {
      networkMs += encoded.networkMs;
      return sink.frame(encoded.frame);
    });
    try {
      const decoded = await this.#decode(lease, { delivery, sink, source, options }).finally(() => {
        // Not waited for: after an abort the step under way may take long.
        void lease.release();
      });
      await delivery.finish();
      return { ...decoded, timingsMs: { decode: lease.spentMs, network: networkMs } };
    } finally {
      await delivery.stop();
    }
  }

  /** Puts every frame on its way through the network. */
  async #decode(
    lease: DecodeLease,
    { delivery, sink, source, options }: Encoding,
  ): Promise<OpenedImage & Pick<EncodedFile, "constantFrames">> {
    const { signal } = options;
    const { frames, kind, attributes, burnedInText, contentDigest } = await lease.open(options.pseudonymKey, signal);
    const opened = { kind, attributes, contentDigest, ...(burnedInText === undefined ? {} : { burnedInText }) };
    const chosen = chosenFrames(options.frames, frames);
    await sink.opened?.(opened);
    lease.expectFrames(chosen.length);
    const constantFrames: number[] = [];
    for (const frame of chosen) {
      await delivery.place(signal);
      const decoded = await this.#decodeFrame(lease, frame, options);
      if (decoded === "constant") {
        delivery.giveBack();
        constantFrames.push(frame);
      } else delivery.add(this.#embed(frame, decoded, options));
    }
    if (constantFrames.length === chosen.length) {
      const which = chosen.length === 1 ? "every pixel has the same value" : "in every frame all pixels are the same";
      throw new DafhError("IMAGE_CONSTANT", which, shownAs(source));
    }
    this.#metrics.fileDecoded(chosen.length - constantFrames.length, lease.spentMs);
    return { ...opened, constantFrames };
  }

  /** The frame slot of `decoded` is free again when this settles. */
  async #embed(frame: number, decoded: DecodedFrame, { attention: wanted, signal }: EncodeOptions): Promise<Encoded> {
    const { input, pixelDigest, preview, slicePositionMm } = decoded;
    try {
      const { embedding, attention, foreignScore, networkMs } = await this.#network.run(input, signal);
      return {
        frame: {
          ...{ frame, pixelDigest, embedding },
          ...(slicePositionMm === undefined ? {} : { slicePositionMm }),
          ...(preview === undefined ? {} : { preview }),
          ...(foreignScore === undefined ? {} : { foreignScore }),
          ...(attention === undefined || wanted !== true ? {} : { attention }),
        },
        networkMs,
      };
    } finally {
      this.#frameSlots.release();
    }
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
