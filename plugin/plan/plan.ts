/**
 * First step of a search: what was asked becomes what will be done, with every default filled in and every limit
 * checked. Pure: holds no vectors and knows no Qdrant body; `query.ts` makes that of the plan and an embedding.
 */
import {
  DafhError,
  GROUP_FIELDS,
  type GroupBy,
  type PlanSummary,
  type QdrantFilter,
  type SearchRequest,
} from "../../schemas/index.js";
import { checkFilter, checkPointIds } from "./filter.js";

export const SEARCH_LIMITS = {
  limit: { least: 1, most: 1_000, usual: 10 },
  candidateLimit: { most: 10_000, usual: 200 },
  groupSize: { least: 1, most: 100, usual: 3 },
  /** limit × groupSize: the hits that one grouped answer may hold. */
  groupedHits: 10_000,
} as const;

interface CommonPlan {
  /** Results, or groups where `grouping` is given. */
  readonly limit: number;
  /** Modality, the caller's filter and the query's own id in one; null where every point is wanted. */
  readonly filter: QdrantFilter | null;
  readonly grouping: Grouping | null;
}

interface Grouping {
  readonly by: GroupBy;
  readonly field: (typeof GROUP_FIELDS)[GroupBy];
  readonly size: number;
}

/** The `candidateLimit` nearest codes, ordered by the cosine of their features. */
interface TwoStagePlan extends CommonPlan {
  readonly mode: "two-stage";
  readonly candidateLimit: number;
  readonly hammingRadius: number | null;
}

/** By the code alone. */
interface HammingPlan extends CommonPlan {
  readonly mode: "hamming";
  readonly hammingRadius: number | null;
}

/** Every point by the cosine of its features. */
interface FloatPlan extends CommonPlan {
  readonly mode: "float";
}

export type RetrievalPlan = TwoStagePlan | HammingPlan | FloatPlan;

/**
 * @param hashBits K of the collection's model: the largest radius
 * @throws DafhError BAD_OPTION, BAD_REQUEST, BAD_FILTER, UNKNOWN_FIELD
 */
export function planRetrieval(request: SearchRequest, hashBits: number): RetrievalPlan {
  const limits = SEARCH_LIMITS;
  const limit = wholeNumber("limit", request.limit ?? limits.limit.usual, limits.limit.least, limits.limit.most);
  const grouping = planGrouping(request, limit);
  const hits = limit * (grouping?.size ?? 1);
  const hammingRadius =
    request.hammingRadius === undefined ? null : wholeNumber("hammingRadius", request.hammingRadius, 0, hashBits);
  const candidateLimit = wholeNumber(
    "candidateLimit",
    request.candidateLimit ?? Math.max(limits.candidateLimit.usual, hits),
    limit,
    limits.candidateLimit.most,
  );
  const common: CommonPlan = { limit, filter: mergeFilters(request), grouping };
  const mode = request.mode ?? "two-stage";
  switch (mode) {
    case "two-stage":
      return { ...common, mode, candidateLimit, hammingRadius };
    case "hamming":
      return { ...common, mode, hammingRadius };
    case "float":
      if (hammingRadius !== null) {
        throw new DafhError("BAD_OPTION", "hammingRadius has no meaning in mode float, which compares no codes.", {
          field: "hammingRadius",
        });
      }
      return { ...common, mode };
    default:
      throw new DafhError("BAD_OPTION", "mode must be two-stage, hamming or float.", { field: "mode" });
  }
}

/** The plan as the answer tells it. */
export function summarisePlan(plan: RetrievalPlan, cutThroughTie: boolean | null): PlanSummary {
  return {
    mode: plan.mode,
    limit: plan.limit,
    candidateLimit: plan.mode === "two-stage" ? plan.candidateLimit : null,
    hammingRadius: plan.mode === "float" ? null : plan.hammingRadius,
    groupBy: plan.grouping?.by ?? null,
    cutThroughTie,
  };
}

/**
 * One filter of the caller's own and the modalities, or null where neither is given.
 * @throws DafhError BAD_OPTION, BAD_FILTER, UNKNOWN_FIELD
 */
export function mergeFilter(
  filter: QdrantFilter | undefined,
  modality: readonly string[] | undefined,
): QdrantFilter | null {
  const conditions: unknown[] = [];
  if (modality !== undefined) conditions.push(modalityCondition(modality));
  if (filter !== undefined) conditions.push(checkFilter(filter));
  return conditions.length === 0 ? null : { must: conditions };
}

function mergeFilters(request: SearchRequest): QdrantFilter | null {
  const filter = mergeFilter(request.filter, request.modality);
  if ("embedding" in request.query) return filter;
  checkPointIds([request.query.id]);
  // Nothing is as similar to an instance as itself: it would only take the first place away from another.
  return { ...filter, must_not: [{ has_id: [request.query.id] }] };
}

/** PS3.5 6.2, value representation CS: upper case, digits, space and underscore, 16 at most. */
const MODALITY = /^[A-Z0-9_ ]{1,16}$/;

function modalityCondition(modality: readonly string[]): unknown {
  if (!Array.isArray(modality) || modality.length === 0 || modality.length > 100) {
    throw new DafhError("BAD_OPTION", "modality must list 1 to 100 DICOM modalities; leave it out for all of them.", {
      field: "modality",
    });
  }
  for (const value of modality) {
    if (typeof value !== "string" || !MODALITY.test(value)) {
      throw new DafhError("BAD_OPTION", "A modality is written as DICOM writes it, such as CT, MR or PT.", {
        field: "modality",
      });
    }
  }
  return { key: "modality", match: { any: [...modality] } };
}

function planGrouping(request: SearchRequest, limit: number): Grouping | null {
  const by = request.groupBy;
  if (by === undefined) {
    if (request.groupSize === undefined) return null;
    throw new DafhError("BAD_OPTION", "groupSize needs groupBy.", { field: "groupSize" });
  }
  if (!Object.hasOwn(GROUP_FIELDS, by)) {
    throw new DafhError("BAD_OPTION", "groupBy must be series, study or patient.", { field: "groupBy" });
  }
  const { least, most, usual } = SEARCH_LIMITS.groupSize;
  const size = wholeNumber("groupSize", request.groupSize ?? usual, least, most);
  if (limit * size > SEARCH_LIMITS.groupedHits) {
    throw new DafhError("BAD_OPTION", `limit × groupSize may be ${SEARCH_LIMITS.groupedHits} at most.`, {
      field: "groupSize",
    });
  }
  return { by, field: GROUP_FIELDS[by], size };
}

/** @throws DafhError BAD_OPTION */
export function wholeNumber(field: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new DafhError("BAD_OPTION", `${field} must be a whole number from ${least} to ${most}.`, { field });
}
