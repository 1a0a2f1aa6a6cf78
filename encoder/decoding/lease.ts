/**
 * A decode thread in the hands of one file: its steps, their time limits, and the file's name on whatever goes wrong.
 * Which thread it is, and what becomes of it afterwards, is `pool.ts`'s matter.
 */
import { DafhError, type ErrorPlace, type ImageSource } from "../../schemas/index.js";
import type { Plane } from "../dicom/index.js";
import { type Thread, ThreadEnded } from "../threads/thread.js";
import type { Inspection } from "./inspection.js";
import type { DecodingLimits } from "./limits.js";
import type { DecodeAnswer, DecodeAnswers, DecodedFrame, DecodeRequest, OpenedSummary } from "./requests.js";

export type DecodeThread = Thread<DecodeRequest, DecodeAnswer>;

export class DecodeLease {
  readonly #thread: DecodeThread;
  readonly #source: ImageSource;
  readonly #limits: DecodingLimits;
  readonly #giveBack: () => void;
  #leftMs: number;
  #spentMs = 0;
  /** Settles, and never rejects, when the step under way has ended. */
  #step: Promise<unknown> = Promise.resolve();

  constructor(thread: DecodeThread, source: ImageSource, limits: DecodingLimits, giveBack: () => void) {
    this.#thread = thread;
    this.#source = source;
    this.#limits = limits;
    this.#giveBack = giveBack;
    this.#leftMs = limits.fileMs;
  }

  get #shownAs(): string | undefined {
    return "path" in this.#source ? this.#source.path : this.#source.name;
  }

  /** Time that the file's steps have taken so far. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** @throws DafhError of the file's fault, DECODE_TIMEOUT or DECODER_CRASHED; the signal's reason */
  async open(pseudonymKey: Uint8Array | undefined, signal?: AbortSignal): Promise<OpenedSummary> {
    const source = this.#source;
    const shownAs = this.#shownAs;
    const given = "path" in source ? { path: source.path } : { bytes: ownBuffer(source) };
    const transfer = "bytes" in given ? [given.bytes.buffer] : [];
    const opened = await this.#call({ kind: "open", source: given, shownAs, pseudonymKey }, { signal, transfer });
    let { contentDigest } = opened;
    while (contentDigest === undefined) {
      // A slow disk is not the file's fault: hashing takes none of the file's time.
      const leftMs = this.#leftMs;
      contentDigest = await this.#call({ kind: "hash" }, { signal });
      this.#leftMs = leftMs;
    }
    return { ...opened, contentDigest };
  }

  /** The frames that will be asked for lengthen what the file may take. */
  expectFrames(frames: number): void {
    this.#leftMs += frames * this.#limits.frameMs;
  }

  /** @param previewSize longest side in pixels; undefined = no preview @throws as `open` does */
  frame(frame: number, previewSize: number | undefined, signal?: AbortSignal): Promise<DecodedFrame> {
    return this.#call({ kind: "frame", frame, previewSize }, { signal });
  }

  /** @throws as `open` does */
  inspect(frame: number, signal?: AbortSignal): Promise<Inspection> {
    return this.#call({ kind: "inspect", frame }, { signal });
  }

  /** Where each frame lies. @throws as `open` does */
  planes(): Promise<readonly (Plane | undefined)[]> {
    return this.#call({ kind: "planes" });
  }

  /** Gives the thread back once the step under way, which an abort leaves behind, has ended. */
  async release(): Promise<void> {
    await this.#step;
    if (this.#thread.usable) await this.#call({ kind: "close" }).catch(() => undefined);
    this.#giveBack();
  }

  async #call<Kind extends keyof DecodeAnswers>(
    request: DecodeRequest & { kind: Kind },
    options: { readonly signal?: AbortSignal | undefined; readonly transfer?: readonly ArrayBuffer[] } = {},
  ): Promise<DecodeAnswers[Kind]> {
    const { signal, transfer = [] } = options;
    signal?.throwIfAborted();
    const started = performance.now();
    const timeLimitMs = Math.max(1, Math.min(this.#limits.stepMs, Math.round(this.#leftMs)));
    const call = this.#thread.call(request, { transfer, timeLimitMs });
    this.#step = call.then(
      () => this.#account(started),
      () => this.#account(started),
    );
    try {
      // The thread answers a request with the answer of its kind.
      return (await unlessAborted(call, signal)) as DecodeAnswers[Kind];
    } catch (thrown) {
      throw thrown instanceof ThreadEnded
        ? this.#fault(thrown, "frame" in request ? request.frame : undefined)
        : thrown;
    }
  }

  #account(started: number): void {
    const elapsedMs = performance.now() - started;
    this.#spentMs += elapsedMs;
    this.#leftMs -= elapsedMs;
  }

  #fault(ended: ThreadEnded, frame: number | undefined): DafhError {
    const path = this.#shownAs;
    const where: ErrorPlace = { ...(path === undefined ? {} : { path }), ...(frame === undefined ? {} : { frame }) };
    const step = frame === undefined ? "opening the file" : `decoding frame ${frame}`;
    switch (ended.reason) {
      case "timeout":
        return new DafhError("DECODE_TIMEOUT", `${step} took too long: ${ended.message}`, where, { cause: ended });
      case "crashed":
        return new DafhError("DECODER_CRASHED", `the decoder stopped while ${step}: ${ended.message}`, where, {
          cause: ended,
        });
      case "closed":
        return new DafhError("ENCODER_UNAVAILABLE", "the encoder has been closed", where, { cause: ended });
    }
  }
}

/** Bytes that can be handed to a thread: the caller's own where it gave them away, else a copy. */
function ownBuffer({ bytes, disposable }: Extract<ImageSource, { bytes: Uint8Array }>): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  // A view of a larger buffer, such as Node's pool of small ones, would take its neighbours along.
  const wholeBuffer = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return disposable === true && wholeBuffer ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** The call goes on after an abort; only the waiting ends. */
function unlessAborted<Value>(call: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return call;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    call.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
