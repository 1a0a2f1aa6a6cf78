/**
 * A thread that holds one ONNX Runtime session. `run` blocks its thread from beginning to end, which is why it has
 * one of its own; gathering batches and sharing them out is `network.ts`'s matter.
 */
import { workerData } from "node:worker_threads";
import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { DafhError } from "../../schemas/index.js";
import { type Answered, answerRequests } from "../threads/answering.js";
import type { Provider, SessionAnswer, SessionRequest, SessionThreadData } from "./session-requests.js";

// What fails is thrown as well; printed, a missing CUDA would look like a fault on every machine without a GPU.
env.logLevel = "fatal";

const { onnxPath, inputSize, hashBits, featureSize, attentionSize } = workerData as SessionThreadData;
let session: InferenceSession | undefined;

answerRequests<SessionRequest, SessionAnswer>(
  (request) => {
    switch (request.kind) {
      case "load":
        return load(request.providers);
      case "run":
        return run(request.inputs, request.padTo);
    }
  },
  // A session that is torn down with its thread, instead of before it, can take the process along.
  { fallback: "ENCODER_UNAVAILABLE", beforeExit: async () => session?.release() },
);

/** Naming a provider that this build or machine lacks throws, so they are tried one after the other. */
async function load(providers: readonly Provider[]): Promise<Answered<SessionAnswer>> {
  const refusals: string[] = [];
  for (const provider of providers) {
    try {
      session = await InferenceSession.create(onnxPath, {
        executionProviders: [provider],
        // Two sessions of one thread do more than one session of two.
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        // The arena keeps every batch's peak: 900 MB instead of 50.
        enableCpuMemArena: false,
        logSeverityLevel: 4,
      });
      return { answer: { kind: "loaded", provider } };
    } catch (cause) {
      refusals.push(`${provider}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
  throw new DafhError("MODEL_UNREADABLE", `no execution provider loads the network (${refusals.join("; ")})`);
}

async function run(inputs: readonly Float32Array[], padTo: number): Promise<Answered<SessionAnswer>> {
  if (session === undefined) throw new DafhError("ENCODER_UNAVAILABLE", "the network has not been loaded");
  const rows = Math.max(inputs.length, padTo);
  const batch = new Float32Array(rows * inputSize * inputSize);
  inputs.forEach((input, row) => {
    batch.set(input, row * inputSize * inputSize);
  });
  const started = performance.now();
  const outputs = await session.run({ image: new Tensor("float32", batch, [rows, 1, inputSize, inputSize]) });
  const runMs = performance.now() - started;
  const hash = firstRows(outputs.hash, inputs.length, hashBits);
  const features = firstRows(outputs.features, inputs.length, featureSize);
  const attention =
    attentionSize === 0 ? undefined : firstRows(outputs.attention, inputs.length, attentionSize * attentionSize);
  const foreign = outputs.foreign === undefined ? undefined : firstRows(outputs.foreign, inputs.length, 1);
  const transfer = [hash, features, attention, foreign].flatMap((floats) =>
    floats === undefined ? [] : [floats.buffer],
  );
  return { answer: { kind: "ran", hash, features, attention, foreign, runMs }, transfer };
}

/** Copied, so that the memory can be handed over whichever way ONNX Runtime holds its own. */
function firstRows(output: Tensor | undefined, rows: number, size: number): Float32Array<ArrayBuffer> {
  const data = output?.data;
  if (!(data instanceof Float32Array) || data.length < rows * size) {
    throw new DafhError("MODEL_UNREADABLE", "the network's outputs are not the hash and features of its description");
  }
  return new Float32Array(data.subarray(0, rows * size));
}
