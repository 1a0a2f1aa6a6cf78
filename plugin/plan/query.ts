/**
 * Second step of a search: the plan and the query's embedding become the one request that Qdrant is sent. Pure.
 * Facts behind the parameters (each held by a test): a binary-quantized dot product without rescoring is exactly
 * K − 2 · Hamming; `exact` on the hash would switch its quantization off.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import type { Embedding } from "../../schemas/index.js";
import { radiusToScoreThreshold } from "../codes/index.js";
import type { RetrievalPlan } from "./plan.js";

/** A body of `points/query`, or of `points/query/groups`. */
export type QdrantQuery =
  | { readonly kind: "points"; readonly body: Schemas["QueryRequest"] }
  | { readonly kind: "groups"; readonly body: Schemas["QueryGroupsRequest"] };

export interface HashStage {
  /** K. */
  readonly hashBits: number;
  /** Does the hash have an HNSW graph, or is it scanned? */
  readonly graph: boolean;
}

/** What both kinds of body have in common. */
type RankedQuery = Pick<
  Schemas["QueryRequest"],
  "prefetch" | "query" | "using" | "filter" | "params" | "score_threshold"
>;

export function toQdrantQuery(plan: RetrievalPlan, embedding: Embedding, stage: HashStage): QdrantQuery {
  const ranked = rankedQuery(plan, embedding, stage);
  const output = { with_payload: true, with_vector: false };
  if (plan.grouping !== null) {
    const grouping = { group_by: plan.grouping.field, group_size: plan.grouping.size, limit: plan.limit };
    return { kind: "groups", body: { ...ranked, ...output, ...grouping } };
  }
  return { kind: "points", body: { ...ranked, ...output, limit: plan.limit + resultsBeyondLimit(plan) } };
}

/** Mode `hamming` asks for one result more than wanted: only it tells whether the cut goes through a tie. */
export function resultsBeyondLimit(plan: RetrievalPlan): number {
  return plan.mode === "hamming" && plan.grouping === null ? 1 : 0;
}

function rankedQuery(plan: RetrievalPlan, embedding: Embedding, stage: HashStage): RankedQuery {
  switch (plan.mode) {
    case "two-stage": {
      const candidates = hammingStage(plan, embedding.hash, stage);
      // The filter goes with the candidates alone: rescoring sees nothing else.
      return {
        prefetch: { ...candidates, limit: plan.candidateLimit },
        query: Array.from(embedding.features),
        using: "features",
      };
    }
    case "hamming":
      return hammingStage(plan, embedding.hash, stage);
    case "float":
      return {
        query: Array.from(embedding.features),
        using: "features",
        params: { exact: true },
        ...(plan.filter === null ? {} : { filter: plan.filter }),
      };
  }
}

function hammingStage(
  plan: Extract<RetrievalPlan, { hammingRadius: number | null }>,
  hash: Float32Array,
  stage: HashStage,
): RankedQuery {
  // Of HNSW's walk a filter hides neighbours, and with them what lies behind: ACORN looks through the hidden ones.
  const acorn = stage.graph && plan.filter !== null ? { acorn: { enable: true } } : {};
  return {
    query: Array.from(hash),
    using: "hash",
    params: { quantization: { rescore: false }, ...acorn },
    ...(plan.filter === null ? {} : { filter: plan.filter }),
    ...(plan.hammingRadius === null
      ? {}
      : { score_threshold: radiusToScoreThreshold(plan.hammingRadius, stage.hashBits) }),
  };
}
