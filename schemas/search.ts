/**
 * A search in the product's own words: what the plugin takes and gives, whoever asks. The gateway's DTOs
 * (`dto.ts`) are mapped to and from these; Qdrant's bodies are made from them in `plugin/plan/`.
 */
import type { Embedding } from "./embedding.js";
import type { InstancePayload } from "./payload.js";

/**
 * `two-stage`: Hamming candidates, ordered by their float features (the default).
 * `hamming`: by the code alone. `float`: every point by its float features, exactly; for comparison.
 */
export const SEARCH_MODES = ["two-stage", "hamming", "float"] as const;
export type SearchMode = (typeof SEARCH_MODES)[number];

/** What results may be grouped by, and the payload field that it is. */
export const GROUP_FIELDS = {
  series: "seriesInstanceUid",
  study: "studyInstanceUid",
  patient: "patientKey",
} as const;
export type GroupBy = keyof typeof GROUP_FIELDS;

/** A Qdrant filter as its REST API takes it (`must`, `should`, `must_not`, `min_should`), over the payload's fields. */
export type QdrantFilter = { readonly [clause: string]: unknown };

export interface SearchRequest {
  /** What to search by: an embedding, or the id of a stored instance (which is then left out of the results). */
  readonly query: { readonly embedding: Embedding } | { readonly id: string };
  readonly mode?: SearchMode;
  /** 1 to 1,000; 10 unless told. */
  readonly limit?: number;
  /** C: how many Hamming candidates are rescored. `limit` to 10,000; 200 unless told. */
  readonly candidateLimit?: number;
  /** Only what is within this Hamming distance (0 to K): cuts by distance, never through a tie. */
  readonly hammingRadius?: number;
  /** DICOM modalities, any of which; absent = all. */
  readonly modality?: readonly string[];
  readonly filter?: QdrantFilter;
  readonly groupBy?: GroupBy;
  /** Results a group; 1 to 100; 3 unless told. */
  readonly groupSize?: number;
}

export interface SearchHit {
  readonly id: string;
  /** From 1. */
  readonly rank: number;
  /** Cosine similarity of the features; in mode `hamming`: K − 2 · Hamming distance. */
  readonly score: number;
  /** Bits in which the stored code differs from the query's. */
  readonly hammingDistance: number;
  readonly payload: InstancePayload;
}

export interface SearchGroup {
  /** The series, study or patient that the hits share. */
  readonly key: string;
  readonly hits: readonly SearchHit[];
}

/** What was done, in the answer: enough to repeat it. */
export interface PlanSummary {
  readonly mode: SearchMode;
  readonly limit: number;
  readonly candidateLimit: number | null;
  readonly hammingRadius: number | null;
  readonly groupBy: GroupBy | null;
  /** In mode `hamming`, ungrouped: true where the last result shares its distance with others that `limit` cut off; else null. */
  readonly cutThroughTie: boolean | null;
}

export interface SearchResponse {
  readonly plan: PlanSummary;
  /** Ranked; empty when grouped. */
  readonly hits: readonly SearchHit[];
  /** Ranked by their best hit; absent unless grouped. */
  readonly groups?: readonly SearchGroup[];
  readonly timingsMs: {
    /** Inside Qdrant, as it reports. */
    readonly engine: number;
    /** From the plan to the mapped answer, engine and transport included. */
    readonly total: number;
  };
}
