/**
 * What the page asks of its gateway. An uploaded file goes there and nowhere else, and without its name: names of
 * medical files often hold a patient's.
 */
import type { ErrorAnswer, FacetsAnswer, FacetValue, SearchAnswer } from "../../../schemas/dto.js";
import type { GroupBy, QdrantFilter, SearchMode } from "../../../schemas/index.js";

export interface SearchOptions {
  readonly modality: readonly string[];
  readonly filter: QdrantFilter | null;
  readonly mode: SearchMode;
  readonly groupBy: GroupBy | null;
  readonly limit: number;
  readonly frame: number;
}

export type SearchQuery =
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "id"; readonly id: string; readonly previewUrl: string | null };

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly wayOut: string;
  readonly requestId: string | null;
}

/** A refusal in the gateway's own words, or that it could not be reached. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

export interface ServiceState {
  readonly ready: boolean;
  readonly engine: {
    readonly ready: boolean;
    readonly engine?: string;
    readonly version?: string;
    readonly points?: number;
    readonly message?: string;
  };
  readonly encoder: {
    readonly ready: boolean;
    readonly model?: string;
    readonly provider?: string;
    readonly message?: string;
  };
}

export async function search(query: SearchQuery, options: SearchOptions, signal: AbortSignal): Promise<SearchAnswer> {
  const { modality, filter, mode, groupBy, limit, frame } = options;
  const common = { mode, limit, ...(groupBy === null ? {} : { groupBy }) };
  if (query.kind === "id") {
    const body = { id: query.id, modality, ...(filter === null ? {} : { filter }), ...common };
    return send("/v1/search", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  }
  const form = new FormData();
  for (const [field, value] of Object.entries(common)) form.append(field, String(value));
  for (const one of modality) form.append("modality", one);
  if (filter !== null) form.append("filter", JSON.stringify(filter));
  form.append("frame", String(frame));
  form.append("queryPreview", "true");
  form.append("image", query.file, "image");
  return send("/v1/search", { method: "POST", body: form, signal });
}

export async function facet(field: string, modality: readonly string[], signal: AbortSignal): Promise<FacetValue[]> {
  const address = new URLSearchParams({ field, limit: "12" });
  for (const one of modality) address.append("modality", one);
  const { values } = await send<FacetsAnswer>(`/v1/facets?${address}`, { signal });
  return values;
}

/** Answered with 503 and the same body where something is missing. */
export async function serviceState(signal: AbortSignal): Promise<ServiceState> {
  const response = await reach("/readyz", { signal });
  return (await response.json()) as ServiceState;
}

async function send<Answer>(address: string, init: RequestInit): Promise<Answer> {
  const response = await reach(address, init);
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body as Answer;
  const { error, requestId } = (body ?? {}) as Partial<ErrorAnswer>;
  throw new ProblemError({
    code: error?.code ?? `HTTP ${response.status}`,
    message: error?.message ?? "The gateway gave an answer that this page does not understand.",
    wayOut: error?.wayOut ?? "Load the page again.",
    requestId: requestId ?? null,
  });
}

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw new ProblemError({
      code: "UNREACHABLE",
      message: "The gateway does not answer.",
      wayOut: "Check that dafh serve is running, then try again.",
      requestId: null,
    });
  }
}
