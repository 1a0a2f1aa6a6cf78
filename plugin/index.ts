/**
 * The plugin's front door: what makes a Qdrant an engine for Deep Attention Fusion Hashing, for any TypeScript program.
 * This file is the whole public surface; each method is a few lines over the folders beside it.
 */
import {
  DafhError,
  type InstancePayload,
  type ModelInfo,
  PAYLOAD_FIELDS,
  type PayloadFieldName,
  type QdrantFilter,
  type SearchRequest,
  type SearchResponse,
} from "../schemas/index.js";
import { Connection, type ConnectionOptions, collectionInfo, openCollection, READ, WRITE } from "./collection/index.js";
import { checkPointIds, isPayloadField, mergeFilter, wholeNumber } from "./plan/index.js";
import { checkPayload, type DafhPoint, fromQdrantPoint, type StoredInstance, uploadPoints } from "./points/index.js";
import { runSearch } from "./search.js";

export {
  codeToHex,
  DafhError,
  type Embedding,
  type ErrorCode,
  type InstancePayload,
  type ModelInfo,
  type PayloadFieldName,
  packCode,
  type QdrantFilter,
  type SearchHit,
  type SearchRequest,
  type SearchResponse,
} from "../schemas/index.js";
export { codeFromHex, hammingDistance, hammingToScore, prefixCode, scoreToHamming } from "./codes/index.js";
export type { ConnectionOptions } from "./collection/index.js";
export { SEARCH_LIMITS } from "./plan/index.js";
export { type DafhPoint, pointId, type StoredInstance } from "./points/index.js";

export interface OpenOptions {
  readonly connection: ConnectionOptions;
  /** The network whose embeddings the collection holds: another one's are refused. */
  readonly model: ModelInfo;
  /** Of the collection; "dafh" unless told. */
  readonly name?: string;
  /** Make the collection where it is not there; false unless told. */
  readonly create?: boolean;
  /**
   * Links a point (HNSW's m) of a graph over the codes, where the collection is made; 0 unless told: no graph, an exact
   * scan, which is faster to build and fast enough up to about a million points.
   */
  readonly hashGraphLinks?: number;
}

export interface CallOptions {
  /** Aborted: the call ends with TIMEOUT, or with the signal's reason where that is a DafhError. */
  readonly signal?: AbortSignal;
}

export interface FacetOptions {
  readonly filter?: QdrantFilter;
  readonly modality?: readonly string[];
  /** Values, the most frequent first; 1 to 1,000; 100 unless told. */
  readonly limit?: number;
}

export interface FacetValue {
  readonly value: string | number | boolean;
  readonly count: number;
}

export interface CollectionState {
  readonly points: number;
  readonly engine: "embedded" | "server";
  /** Qdrant's own version. */
  readonly version: string;
  /** As Qdrant tells it: green, yellow (optimizing), grey, red. */
  readonly status: string;
}

/** Most ids that one request carries; longer lists are sent in parts. */
const IDS_PER_REQUEST = 1_000;

/**
 * A collection of medical images in Qdrant, searchable by their binary codes and float features.
 * Every method may throw a DafhError with ENGINE_UNAVAILABLE (not reached in spite of retries), OVERLOADED, TIMEOUT,
 * DISK_FULL, COLLECTION_MISSING (deleted meanwhile) or ENGINE_REJECTED besides the codes named at it.
 */
export class DafhCollection {
  private constructor(
    private readonly connection: Connection,
    private readonly name: string,
    readonly model: ModelInfo,
    private readonly graph: boolean,
  ) {}

  /**
   * @throws DafhError COLLECTION_MISSING unless `create`, COLLECTION_MISMATCH, MODEL_MISMATCH, BAD_OPTION;
   * PYTHON_MISSING or ENGINE_NOT_INSTALLED where the embedded engine cannot start
   */
  static async open(options: OpenOptions): Promise<DafhCollection> {
    const { model, name = "dafh", create = false, hashGraphLinks = 0 } = options;
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(name)) {
      throw new DafhError("BAD_OPTION", "A collection's name has 1 to 100 letters, digits, hyphens or underscores.");
    }
    wholeNumber("hashGraphLinks", hashGraphLinks, 0, 256);
    const connection = await Connection.open(options.connection);
    try {
      const { graph } = await openCollection(connection, { name, model, create, hashGraphLinks });
      return new DafhCollection(connection, name, model, graph);
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  /**
   * Stores frames, each over what its id held before. Resolved: every one is acknowledged and durable. Failed: some may
   * be stored; the same call made again stores the rest.
   * @throws DafhError MODEL_MISMATCH, BAD_OPTION, BAD_REQUEST, UNKNOWN_FIELD: then nothing was sent
   */
  async upsert(points: readonly DafhPoint[], options: CallOptions = {}): Promise<void> {
    await uploadPoints(points, this.model, async (batch) => {
      const body = { collection_name: this.name, wait: true, points: batch };
      await this.connection.send((api, init) => api.upsertPoints(body, init), WRITE, options.signal);
    });
  }

  /**
   * Images that look like the query, ranked. Two stages are one request.
   * @throws DafhError BAD_OPTION, BAD_FILTER, UNKNOWN_FIELD, BAD_REQUEST, MODEL_MISMATCH (sizes), INSTANCE_NOT_FOUND
   */
  async search(request: SearchRequest, options: CallOptions = {}): Promise<SearchResponse> {
    const { connection, name: collection, model, graph } = this;
    return runSearch({ connection, collection, model, graph }, request, options.signal);
  }

  /**
   * Stored frames by id, in no particular order; ids that are not stored are absent.
   * @throws DafhError BAD_REQUEST for an id that is no UUID
   */
  async fetch(ids: readonly string[], options: { readonly withEmbedding?: boolean } = {}): Promise<StoredInstance[]> {
    checkPointIds(ids);
    const instances: StoredInstance[] = [];
    for (const part of parts(ids)) {
      const body = {
        collection_name: this.name,
        ids: part,
        with_payload: true,
        with_vector: options.withEmbedding ?? false,
      };
      const { result } = await this.connection.send((api, init) => api.getPoints(body, init), READ);
      instances.push(...result.map(fromQdrantPoint));
    }
    return instances;
  }

  /**
   * How many frames there are, exactly.
   * @throws DafhError BAD_FILTER, UNKNOWN_FIELD
   */
  async count(filter?: QdrantFilter): Promise<number> {
    const body = { collection_name: this.name, exact: true, filter: mergeFilter(filter, undefined) };
    const { result } = await this.connection.send((api, init) => api.countPoints(body, init), READ);
    return result.count;
  }

  /**
   * The values of a field and how many frames have each, the most frequent first.
   * @throws DafhError UNKNOWN_FIELD, BAD_OPTION (a field of decimals or times has no facets), BAD_FILTER
   */
  async facet(field: PayloadFieldName, options: FacetOptions = {}): Promise<FacetValue[]> {
    if (!isPayloadField(field)) {
      throw new DafhError("UNKNOWN_FIELD", "The field to count by is not one of the payload's.", { field: "field" });
    }
    const { kind, indexed } = PAYLOAD_FIELDS[field];
    if (!indexed || kind === "float" || kind === "datetime") {
      throw new DafhError(
        "BAD_OPTION",
        `${field} cannot be counted by: only indexed words, whole numbers and flags can.`,
        {
          field: "field",
        },
      );
    }
    const limit = wholeNumber("limit", options.limit ?? 100, 1, 1_000);
    const filter = mergeFilter(options.filter, options.modality);
    const body = { collection_name: this.name, key: field, limit, exact: true, filter };
    const { result } = await this.connection.send((api, init) => api.facet(body, init), READ);
    return result.hits.map(({ value, count }) => ({ value, count }));
  }

  /**
   * Changes some fields of stored frames and leaves the others. Ids that are not stored are passed over.
   * @throws DafhError BAD_OPTION for a field that belongs to the embedding (`code`, `modelDigest`), UNKNOWN_FIELD
   */
  async setPayload(ids: readonly string[], fields: InstancePayload): Promise<void> {
    checkPointIds(ids);
    checkPayload(fields);
    for (const owned of ["code", "modelDigest"] as const) {
      if (fields[owned] === undefined) continue;
      throw new DafhError("BAD_OPTION", `${owned} belongs to the embedding: upsert sets it.`, { field: owned });
    }
    for (const part of parts(ids)) {
      const body = { collection_name: this.name, wait: true, points: part, payload: fields };
      await this.connection.send((api, init) => api.setPayload(body, init), WRITE);
    }
  }

  /**
   * Deletes frames by id, or all that a filter matches.
   * @throws DafhError BAD_REQUEST, BAD_FILTER (also for a filter without a condition, which would match all), UNKNOWN_FIELD
   */
  async delete(target: { readonly ids: readonly string[] } | { readonly filter: QdrantFilter }): Promise<void> {
    const path = { collection_name: this.name, wait: true };
    if ("filter" in target) {
      const filter = mergeFilter(target.filter, undefined);
      if (filter === null || Object.values(target.filter).flat().length === 0) {
        throw new DafhError("BAD_FILTER", "A filter without a condition would delete every instance.");
      }
      await this.connection.send((api, init) => api.deletePoints({ ...path, filter }, init), WRITE);
      return;
    }
    checkPointIds(target.ids);
    for (const points of parts(target.ids)) {
      await this.connection.send((api, init) => api.deletePoints({ ...path, points }, init), WRITE);
    }
  }

  /** Merges segments after many writes. Only the embedded engine waits to be asked: a server does it by itself. */
  async optimize(): Promise<void> {
    if (this.connection.engine === "embedded") await this.connection.upkeep(this.name, "optimize");
  }

  /**
   * What was deleted or written over leaves no byte in the embedded engine's files: the collection is made anew from
   * its points, while it is in use; it needs twice its room on the disk. A server does that in its own time, or not at all.
   */
  async overwriteDeleted(): Promise<void> {
    if (this.connection.engine === "embedded") await this.connection.upkeep(this.name, "rebuild");
  }

  async info(): Promise<CollectionState> {
    const info = await collectionInfo(this.connection, this.name);
    if (info === null) throw new DafhError("COLLECTION_MISSING", `Collection ${JSON.stringify(this.name)} is gone.`);
    return {
      points: await this.count(),
      engine: this.connection.engine,
      version: await this.connection.version(),
      status: info.status,
    };
  }

  /** Lets go of the engine; an embedded one ends when nothing else holds it. */
  async close(): Promise<void> {
    await this.connection.close();
  }
}

function* parts(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) yield ids.slice(at, at + IDS_PER_REQUEST);
}
