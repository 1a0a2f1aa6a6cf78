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
  type FrameSink,
  type ImageSource,
  type OpenedImage,
} from "../schemas/index.js";
import { DecodePool, type DecodingLimits, type OpenedSummary, readWholeFile } from "./decoding/index.js";
import { gathered } from "./gathered.js";
import { Slots } from "./slots.js";
import { type EncodingEnd, LINES, LineReader, parseError, parseInfo } from "./wire.js";

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

type Body = Dispatcher.ResponseData["body"];

/** Whoever takes the frames is at fault, and not the service: no reason to ask it again. */
class SinkFailed extends Error {
  constructor(cause: unknown) {
    super("the frames could not be taken", { cause });
  }
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
    const info = parseInfo(
      await this.#persist(() => this.#request({ method: "GET", path: "/v1/info" }, (body) => body.text())),
    );
    this.#refuseOtherModel(info.model.digest);
    this.#info ??= info;
    return info;
  }

  encode(source: ImageSource, options: EncodeOptions = {}): Promise<EncodedFile> {
    return gathered((sink) => this.encodeTo(sink, source, options));
  }

  async encodeTo(
    sink: FrameSink,
    source: ImageSource,
    options: EncodeOptions = {},
  ): Promise<Omit<EncodedFile, "frames">> {
    if (this.#files.waiting >= this.#limits.waitingFiles) {
      throw new DafhError("OVERLOADED", `${this.#files.waiting} files wait to be sent already`);
    }
    await this.#files.acquire(options.signal);
    try {
      return await this.#encode(sink, source, options);
    } finally {
      this.#files.release();
    }
  }

  async #encode(sink: FrameSink, source: ImageSource, options: EncodeOptions): Promise<Omit<EncodedFile, "frames">> {
    const shownAs = "path" in source ? source.path : source.name;
    const bytes = "path" in source ? await readWholeFile(source.path, this.#limits.fileBytes) : source.bytes;
    try {
      // Attributes first: what cannot be read, or is not wanted, need not be sent.
      const { kind, attributes, burnedInText, contentDigest } = await this.#readLocally(bytes, shownAs, options);
      const opened = { kind, attributes, contentDigest, ...(burnedInText === undefined ? {} : { burnedInText }) };
      return { ...opened, ...(await this.#upload(bytes, opened, sink, options)) };
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

  async #upload(
    bytes: Uint8Array,
    opened: OpenedImage,
    sink: FrameSink,
    { frames, previewSize, attention, signal }: EncodeOptions,
  ): Promise<EncodingEnd> {
    const query = new URLSearchParams();
    if (frames !== undefined) query.set("frames", frames.join(","));
    if (previewSize !== undefined) query.set("preview", String(previewSize));
    if (attention !== undefined) query.set("attention", String(attention));
    const request = {
      ...({ method: "POST", path: `/v1/encode?${query}`, body: bytes } as const),
      headers: { "content-type": "application/octet-stream", accept: LINES },
      ...(signal === undefined ? {} : { signal }),
    };
    return this.#persist(async () => {
      await sink.opened?.(opened);
      return this.#request(request, (body) => this.#readAnswer(body, sink));
    }, signal);
  }

  async #readAnswer(body: Body, sink: FrameSink): Promise<EncodingEnd> {
    const reader = new LineReader({
      model: ({ digest }) => this.#refuseOtherModel(digest),
      frame: async (frame) => {
        try {
          await sink.frame(frame);
        } catch (thrown) {
          throw new SinkFailed(thrown);
        }
      },
    });
    let end: EncodingEnd | undefined;
    // To its very end: the connection is used again.
    for await (const line of linesOf(body)) end = (await reader.read(line)) ?? end;
    if (end === undefined) throw new DafhError("ENCODER_UNAVAILABLE", "the encoder's answer breaks off");
    return end;
  }

  /** Makes a call again while the service is busy or away. */
  async #persist<Result>(call: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (thrown) {
        signal?.throwIfAborted();
        if (thrown instanceof SinkFailed) throw thrown.cause;
        const error = this.#closing === undefined ? unavailable(thrown) : closed();
        if (!error.retryable || attempt === ATTEMPTS || this.#closing !== undefined) throw error;
        // Half to all of a pause that doubles: many callers turned away at once must not come back at once.
        await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2), undefined, signal && { signal });
      }
    }
  }

  /** @param read the body of a 200 */
  async #request<Result>(request: Dispatcher.RequestOptions, read: (body: Body) => Promise<Result>): Promise<Result> {
    const { statusCode, body } = await this.#http.request({ ...request, path: `${this.#basePath}${request.path}` });
    if (statusCode === 200) return read(body);
    const error = parseError(await body.text());
    throw error ?? new DafhError("ENCODER_UNAVAILABLE", `the encoder answered with status ${statusCode}`);
  }

  /** One collection holds the codes of one network: a service that was exchanged must not mix in another's. */
  #refuseOtherModel(digest: string): void {
    const known = this.#info?.model;
    if (known === undefined || known.digest === digest) return;
    throw new DafhError("MODEL_MISMATCH", `the encoder now runs network ${digest}, not ${known.digest} as before`);
  }
}

async function* linesOf(body: Body): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end)]).toString("utf8");
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (pieces.length > 0) yield Buffer.concat(pieces).toString("utf8");
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
