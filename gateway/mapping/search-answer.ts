/** The domain's SearchResponse → the answer's DTOs. */
import type { PlanInfo, ResultGroup, ResultItem } from "../../schemas/dto.js";
import type { PlanSummary, SearchHit, SearchResponse } from "../../schemas/index.js";

type HasPreview = (id: string) => boolean;

export function toResults(
  response: SearchResponse,
  hasPreview: HasPreview,
): { readonly results: ResultItem[]; readonly groups?: ResultGroup[] } {
  const item = (hit: SearchHit) => toItem(hit, hasPreview);
  const results = response.hits.map(item);
  if (response.groups === undefined) return { results };
  return { results, groups: response.groups.map(({ key, hits }) => ({ key, results: hits.map(item) })) };
}

export function toPlanInfo(plan: PlanSummary): PlanInfo {
  const { mode, limit, candidateLimit, hammingRadius, groupBy, cutThroughTie } = plan;
  return { mode, limit, candidateLimit, hammingRadius, groupBy, cutThroughTie };
}

export function previewUrl(id: string, hasPreview: HasPreview): string | null {
  return hasPreview(id) ? `/v1/instances/${id}/preview` : null;
}

function toItem(hit: SearchHit, hasPreview: HasPreview): ResultItem {
  const { id, rank, score, hammingDistance, payload } = hit;
  return {
    id,
    rank,
    score,
    hammingDistance,
    modality: payload.modality ?? null,
    frame: payload.frame ?? 1,
    payload,
    previewUrl: previewUrl(id, hasPreview),
  };
}
