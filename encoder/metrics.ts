/** What the encoder tells Prometheus: how much it does, how long each part takes, how much waits, what went wrong. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { EncoderInfo, ErrorCode } from "../schemas/index.js";

const SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

/** What is read at the moment of a scrape. */
export interface EncoderQueues {
  readonly waitingFiles: number;
  readonly framesUnderWay: number;
}

export class EncoderMetrics {
  readonly #files: Counter<"outcome">;
  readonly #frames: Counter;
  readonly #batchSize: Histogram;
  readonly #decodeSeconds: Histogram;
  readonly #networkSeconds: Histogram;
  readonly #restarts: Counter<"thread">;

  constructor(readonly registry: Registry) {
    const registers = [registry];
    const histogram = (name: string, help: string, buckets: number[]): Histogram =>
      new Histogram({ name, help, buckets, registers });
    this.#files = new Counter({
      name: "dafh_encoder_files_total",
      help: "Files encoded, by outcome: ok, aborted, or the code of the error",
      labelNames: ["outcome"],
      registers,
    });
    this.#frames = new Counter({ name: "dafh_encoder_frames_total", help: "Frames encoded", registers });
    this.#batchSize = histogram("dafh_encoder_batch_size", "Images in a batch of the network", [1, 2, 4, 8, 16]);
    this.#decodeSeconds = histogram("dafh_encoder_decode_seconds", "Time a file took to decode", SECONDS);
    this.#networkSeconds = histogram("dafh_encoder_network_seconds", "Time a batch took in the network", SECONDS);
    this.#restarts = new Counter({
      name: "dafh_encoder_thread_restarts_total",
      help: "Threads replaced after a crash or a hang",
      labelNames: ["thread"],
      registers,
    });
  }

  /** Once the encoder runs: what it is, and where its queues can be read. */
  watch(info: EncoderInfo, queues: () => EncoderQueues): void {
    const registers = [this.registry];
    const provider = new Gauge({
      name: "dafh_encoder_info",
      help: "Always 1: the network and the ONNX Runtime execution provider in use",
      labelNames: ["model", "digest", "provider"],
      registers,
    });
    provider.set({ model: info.model.name, digest: info.model.digest, provider: info.provider }, 1);
    new Gauge({
      name: "dafh_encoder_waiting_files",
      help: "Files that wait for a decode thread",
      registers,
      collect() {
        this.set(queues().waitingFiles);
      },
    });
    new Gauge({
      name: "dafh_encoder_frames_under_way",
      help: "Frames decoded or being decoded that the network has not answered yet",
      registers,
      collect() {
        this.set(queues().framesUnderWay);
      },
    });
  }

  fileEnded(outcome: "ok" | "aborted" | ErrorCode): void {
    this.#files.inc({ outcome });
  }

  fileDecoded(frames: number, decodeMs: number): void {
    this.#frames.inc(frames);
    this.#decodeSeconds.observe(decodeMs / 1000);
  }

  batchRan(size: number, runMs: number): void {
    this.#batchSize.observe(size);
    this.#networkSeconds.observe(runMs / 1000);
  }

  threadReplaced(thread: "decode" | "network"): void {
    this.#restarts.inc({ thread });
  }
}
