/**
 * The encoder behind ENCODER_URL. The bytes are uploaded and embeddings come back; attributes are read from the same
 * bytes here, because the key of the patients' pseudonyms never leaves this machine.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Dispatcher, Pool } from "undici";
import {
  DafhError,
  type EncodedFile,
  type EncodeOptions,
  type Encoder,
  type EncoderInfo,
  type ImageSource,
} from "../schemas/index.js";
import { DecodePool, type DecodingLimits, type OpenedSummary, readWholeFile } from "./decoding/index.js";
import { Slots } from "./slots.js";
import { parseEncodedFile, parseError, parseInfo } from "./wire.js";

/** Requests at once. */
const CONNECTIONS = 16;
/** Files in memory at once: each connection has its next at hand. */
const FILES = 2 * CONNECTIONS;
/** The service answers an overload with 503 and a restart with a refused connection: both pass. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
/** Longer than the service gives a request, so that its own answer comes first. */
const ANSWER_MS = 330_000;
const CONNECT_MS = 5_000;

export interface RemoteEncoderOptions {
  readonly url: string;
  /** Threads that read attributes. */
  readonly workers: number;
  readonly limits: DecodingLimits;
}

export class RemoteEncoder implements Encoder {
  readonly #http: Pool;
  readonly #basePath: string;
  readonly #limits: DecodingLimits;
  readonly #decoders: DecodePool;
  readonly #files = new Slots(FILES);
  #info: EncoderInfo | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ url, workers, limits }: RemoteEncoderOptions) {
    const { origin, pathname } = parseUrl(url);
    this.#basePath = pathname.replace(/\/$/, "");
    this.#http = new Pool(origin, {
      connections: CONNECTIONS,
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      connect: { timeout: CONNECT_MS },
    });
    this.#limits = limits;
    this.#decoders = new DecodePool(workers, limits);
  }

  /** @throws DafhError BAD_OPTION for an address that is none; ENCODER_UNAVAILABLE where no encoder answers */
  static async open(options: RemoteEncoderOptions): Promise<RemoteEncoder> {
    const encoder = new RemoteEncoder(options);
    try {
      await encoder.info();
      return encoder;
    } catch (error) {
      await encoder.close();
      throw error;
    }
  }

  /** Asked anew each time, so that it also tells whether the service is there. */
  async info(): Promise<EncoderInfo> {
    const info = parseInfo(await this.#request({ method: "GET", path: "/v1/info" }));
    this.#refuseOtherModel(info.model.digest);
    this.#info ??= info;
    return info;
  }

  async encode(source: ImageSource, options: EncodeOptions = {}): Promise<EncodedFile> {
    if (this.#files.waiting >= this.#limits.waitingFiles) {
      throw new DafhError("OVERLOADED", `${this.#files.waiting} files wait to be sent already`);
    }
    await this.#files.acquire(options.signal);
    try {
      return await this.#encode(source, options);
    } finally {
      this.#files.release();
    }
  }

  async #encode(source: ImageSource, options: EncodeOptions): Promise<EncodedFile> {
    const shownAs = "path" in source ? source.path : source.name;
    const bytes = "path" in source ? await readWholeFile(source.path, this.#limits.fileBytes) : source.bytes;
    try {
      // Attributes first: what cannot be read need not be sent.
      const local = await this.#readLocally(bytes, shownAs, options);
      const { model, file } = parseEncodedFile(await this.#upload(bytes, options));
      this.#refuseOtherModel(model.digest);
      const { attributes, burnedInText } = local;
      return { ...file, attributes, ...(burnedInText === undefined ? {} : { burnedInText }) };
    } catch (thrown) {
      if (!(thrown instanceof DafhError) || shownAs === undefined) throw thrown;
      throw new DafhError(thrown.code, thrown.message, { path: shownAs, ...thrown.where }, { cause: thrown });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#files.close(closed());
    await Promise.all([this.#decoders.close(), this.#http.destroy(closed())]);
  }

  async #readLocally(bytes: Uint8Array, shownAs: string | undefined, options: EncodeOptions): Promise<OpenedSummary> {
    const source = { bytes, ...(shownAs === undefined ? {} : { name: shownAs }) };
    const lease = await this.#decoders.acquire(source, options.signal);
    try {
      return await lease.open(options.pseudonymKey, options.signal);
    } finally {
      void lease.release();
    }
  }

  #upload(bytes: Uint8Array, { frames, previewSize, attention, signal }: EncodeOptions): Promise<string> {
    const query = new URLSearchParams();
    if (frames !== undefined) query.set("frames", frames.join(","));
    if (previewSize !== undefined) query.set("preview", String(previewSize));
    if (attention !== undefined) query.set("attention", String(attention));
    return this.#request({
      method: "POST",
      path: `/v1/encode?${query}`,
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** One request, made again while the service is busy or away. @returns the body of a 200 */
  async #request(request: Dispatcher.RequestOptions): Promise<string> {
    const { signal } = request as { signal?: AbortSignal };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request);
      } catch (thrown) {
        signal?.throwIfAborted();
        const error = this.#closing === undefined ? unavailable(thrown) : closed();
        if (!error.retryable || attempt === ATTEMPTS || this.#closing !== undefined) throw error;
        // Half to all of a pause that doubles: many callers turned away at once must not come back at once.
        await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2), undefined, signal && { signal });
      }
    }
  }

  async #once(request: Dispatcher.RequestOptions): Promise<string> {
    const { statusCode, body } = await this.#http.request({ ...request, path: `${this.#basePath}${request.path}` });
    const text = await body.text();
    if (statusCode === 200) return text;
    throw parseError(text) ?? new DafhError("ENCODER_UNAVAILABLE", `the encoder answered with status ${statusCode}`);
  }

  /** One collection holds the codes of one network: a service that was exchanged must not mix in another's. */
  #refuseOtherModel(digest: string): void {
    const known = this.#info?.model;
    if (known === undefined || known.digest === digest) return;
    throw new DafhError("MODEL_MISMATCH", `the encoder now runs network ${digest}, not ${known.digest} as before`);
  }
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return parsed;
  throw new DafhError("BAD_OPTION", "the encoder's address is not an http or https URL", { field: "ENCODER_URL" });
}

function unavailable(thrown: unknown): DafhError {
  if (thrown instanceof DafhError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new DafhError("ENCODER_UNAVAILABLE", `the encoder cannot be reached: ${reason}`, {}, { cause: thrown });
}

function closed(): DafhError {
  return new DafhError("ENCODER_UNAVAILABLE", "the encoder has been closed");
}
