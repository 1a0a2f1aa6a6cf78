/**
 * Runs a search: the query's embedding, the plan, the one request, and the answer in our own words with every Hamming
 * distance counted from the stored code. Planning is `plan/`'s matter, sending and retrying `collection/`'s.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import {
  DafhError,
  type Embedding,
  type ModelInfo,
  packCode,
  type SearchGroup,
  type SearchHit,
  type SearchRequest,
  type SearchResponse,
} from "../schemas/index.js";
import { codeFromHex, hammingDistance, scoreToHamming } from "./codes/index.js";
import { type Connection, READ } from "./collection/index.js";
import { planRetrieval, type RetrievalPlan, resultsBeyondLimit, summarisePlan, toQdrantQuery } from "./plan/index.js";
import { checkEmbedding, fromQdrantPoint, toPayload } from "./points/index.js";

/** Where a search runs. */
export interface SearchTarget {
  readonly connection: Connection;
  readonly collection: string;
  readonly model: ModelInfo;
  /** Does the hash have an HNSW graph? */
  readonly graph: boolean;
}

type ScoredPoint = Schemas["ScoredPoint"];

/** What turns Qdrant's points into hits: the same for every point of one search. */
interface HitReader {
  readonly plan: RetrievalPlan;
  readonly code: Uint8Array;
  readonly hashBits: number;
}

/** @throws DafhError; see `DafhCollection.search` */
export async function runSearch(
  target: SearchTarget,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<SearchResponse> {
  const startedMs = performance.now();
  const plan = planRetrieval(request, target.model.hashBits);
  const query = await queryEmbedding(target, request, signal);
  checkEmbedding(query.embedding, target.model);
  const reader = { plan, code: packCode(query.embedding.hash), hashBits: target.model.hashBits };
  const stage = { hashBits: target.model.hashBits, graph: target.graph };
  const { kind, body } = toQdrantQuery(plan, query.embedding, stage);
  const { connection, collection } = target;
  const path = { collection_name: collection };
  if (kind === "groups") {
    const answer = await connection.send(
      (api, init) => api.queryPointsGroups({ ...path, ...body }, init),
      READ,
      signal,
    );
    const groups = answer.result.groups.map((group) => readGroup(group, reader));
    return response(plan, null, { hits: [], groups }, query.engineMs + answer.engineMs, startedMs);
  }
  const answer = await connection.send((api, init) => api.queryPoints({ ...path, ...body }, init), READ, signal);
  const { points } = answer.result;
  const hits = points.slice(0, plan.limit).map((point, index) => readHit(point, index + 1, reader));
  return response(plan, cutThroughTie(plan, points), { hits }, query.engineMs + answer.engineMs, startedMs);
}

/** The embedding to search by: the caller's own, or the stored one of an instance. */
async function queryEmbedding(
  target: SearchTarget,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<{ embedding: Embedding; engineMs: number }> {
  if ("embedding" in request.query) return { embedding: request.query.embedding, engineMs: 0 };
  const { id } = request.query;
  const body = { collection_name: target.collection, ids: [id], with_payload: false, with_vector: true };
  const { result, engineMs } = await target.connection.send((api, init) => api.getPoints(body, init), READ, signal);
  const [point] = result;
  const embedding = point === undefined ? undefined : fromQdrantPoint(point).embedding;
  if (embedding === undefined) {
    throw new DafhError("INSTANCE_NOT_FOUND", `No instance with the id ${id} is stored.`, { field: "id" });
  }
  return { embedding, engineMs };
}

function readGroup(group: Schemas["PointGroup"], reader: HitReader): SearchGroup {
  return { key: String(group.id), hits: group.hits.map((point, index) => readHit(point, index + 1, reader)) };
}

/** @throws DafhError INTERNAL for a point without a code, ENGINE_REJECTED where Qdrant did not score by the code */
function readHit(point: ScoredPoint, rank: number, reader: HitReader): SearchHit {
  const id = String(point.id);
  const payload = toPayload(point.payload);
  if (payload.code === undefined) {
    throw new DafhError("INTERNAL", `Point ${id} has no code: something else than this product stored it.`);
  }
  if (reader.plan.mode === "hamming") checkScoredByCode(point.score, reader.hashBits);
  return {
    id,
    rank,
    // In float32, the cosine of a vector with itself can come out a little above 1.
    score: reader.plan.mode === "hamming" ? point.score : Math.min(1, point.score),
    hammingDistance: hammingDistance(codeFromHex(payload.code), reader.code),
    payload,
  };
}

/**
 * A server that does not quantize what was just written scores it by the floats, and mixes that with the codes of the
 * rest. Not compared with the very distance: a point may be written anew between its scoring and the reading of its payload.
 */
function checkScoredByCode(score: number, hashBits: number): void {
  const distance = scoreToHamming(score, hashBits);
  if (Number.isInteger(distance) && distance >= 0 && distance <= hashBits) return;
  throw new DafhError(
    "ENGINE_REJECTED",
    `Qdrant gave a score of ${score}, which no code has: it must be 1.16 or newer.`,
  );
}

/** In mode `hamming`: does the first result that was left out lie as near as the last that was not? */
function cutThroughTie(plan: RetrievalPlan, points: readonly ScoredPoint[]): boolean | null {
  if (resultsBeyondLimit(plan) === 0) return null;
  const last = points[plan.limit - 1];
  const beyond = points[plan.limit];
  return last !== undefined && beyond !== undefined && last.score === beyond.score;
}

function response(
  plan: RetrievalPlan,
  tie: boolean | null,
  found: Pick<SearchResponse, "hits" | "groups">,
  engineMs: number,
  startedMs: number,
): SearchResponse {
  const timingsMs = { engine: engineMs, total: performance.now() - startedMs };
  return { plan: summarisePlan(plan, tie), ...found, timingsMs };
}
