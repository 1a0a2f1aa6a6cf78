/**
 * Are the parts below there, and do they fit each other? Asked by /readyz and /metrics only. Answers within a second
 * of each other share one look, and a part that does not answer has one question open however often it is asked: an
 * eager prober costs the engine nothing.
 */
import type { DafhCollection } from "../plugin/index.js";
import { asDafhError, DafhError, type Encoder, type ErrorCode } from "../schemas/index.js";
import { publicMessage } from "./public-message.js";

interface Failure {
  readonly ready: false;
  readonly code: ErrorCode;
  readonly message: string;
}

interface Readiness {
  readonly ready: boolean;
  readonly engine:
    | {
        readonly ready: true;
        readonly engine: string;
        readonly version: string;
        readonly status: string;
        readonly points: number;
      }
    | Failure;
  readonly encoder:
    | { readonly ready: true; readonly model: string; readonly digest: string; readonly provider: string }
    | Failure;
}

export type ReadinessProbe = () => Promise<Readiness>;

const SHARED_FOR_MS = 1000;
const PATIENCE_MS = 2000;

export function readinessProbe(parts: {
  readonly collection: DafhCollection;
  readonly encoder: Encoder;
}): ReadinessProbe {
  const askEngine = oneAtATime(async () => ({ ready: true as const, ...(await parts.collection.info()) }));
  const askEncoder = oneAtATime(() => fittingEncoder(parts.collection, parts.encoder));
  const look = async (): Promise<Readiness> => {
    const [engine, encoder] = await Promise.all([
      attempt("ENGINE_UNAVAILABLE", askEngine),
      attempt("ENCODER_UNAVAILABLE", askEncoder),
    ]);
    return { ready: engine.ready && encoder.ready, engine, encoder };
  };
  let latest: { readonly answer: Promise<Readiness>; readonly atMs: number } | undefined;
  return () => {
    const nowMs = performance.now();
    if (latest === undefined || nowMs - latest.atMs > SHARED_FOR_MS) {
      latest = { answer: look(), atMs: nowMs };
    }
    return latest.answer;
  };
}

async function fittingEncoder(collection: DafhCollection, encoder: Encoder) {
  const { model, provider } = await encoder.info();
  if (model.digest !== collection.model.digest) {
    throw new DafhError(
      "MODEL_MISMATCH",
      `The encoder runs ${model.name}, the collection holds codes of ${collection.model.name} with another digest.`,
    );
  }
  return { ready: true as const, model: model.name, digest: model.digest, provider };
}

/** Whoever asks while an earlier question is open gets that one's answer. */
function oneAtATime<Found>(ask: () => Promise<Found>): () => Promise<Found> {
  let open: Promise<Found> | undefined;
  return () => {
    open ??= ask().finally(() => {
      open = undefined;
    });
    return open;
  };
}

async function attempt<Found>(unavailable: ErrorCode, ask: () => Promise<Found>): Promise<Found | Failure> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DafhError(unavailable, `No answer in ${PATIENCE_MS} ms.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([ask(), patience]);
  } catch (thrown) {
    const error = asDafhError(thrown, unavailable);
    return { ready: false, code: error.code, message: publicMessage(error) };
  } finally {
    clearTimeout(timer);
  }
}
