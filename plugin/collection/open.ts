/**
 * Opens a collection: makes it where it is not there yet, holds it to the definition where it is. Any number of
 * processes may do so at once: whoever comes second finds what the first made.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import { DafhError, type ModelInfo } from "../../schemas/index.js";
import type { Connection } from "./connection.js";
import { checkCollection, collectionDefinition, payloadIndexes } from "./definition.js";
import { READ, WRITE } from "./retry.js";

export interface OpenCollectionOptions {
  readonly name: string;
  readonly model: ModelInfo;
  readonly create: boolean;
  /** `m` of the hash's HNSW graph where the collection is made; see `collectionDefinition`. */
  readonly hashGraphLinks: number;
}

/**
 * @returns whether the hash has a graph
 * @throws DafhError COLLECTION_MISSING unless `create`, COLLECTION_MISMATCH, MODEL_MISMATCH
 */
export async function openCollection(
  connection: Connection,
  options: OpenCollectionOptions,
): Promise<{ graph: boolean }> {
  const info = (await collectionInfo(connection, options.name)) ?? (await createCollection(connection, options));
  const checked = checkCollection(options.name, info, options.model);
  if (options.create) await createMissingIndexes(connection, options.name, info);
  return checked;
}

/** What Qdrant says of the collection, or null where there is none. */
export async function collectionInfo(connection: Connection, name: string): Promise<Schemas["CollectionInfo"] | null> {
  try {
    const { result } = await connection.send((api, init) => api.getCollection({ collection_name: name }, init), READ);
    return result;
  } catch (thrown) {
    if (thrown instanceof DafhError && thrown.code === "COLLECTION_MISSING") return null;
    throw thrown;
  }
}

async function createCollection(
  connection: Connection,
  options: OpenCollectionOptions,
): Promise<Schemas["CollectionInfo"]> {
  const { name, model } = options;
  if (!options.create) {
    throw new DafhError("COLLECTION_MISSING", `There is no collection ${JSON.stringify(name)} yet.`);
  }
  let refusal: unknown;
  try {
    const definition = collectionDefinition(model, options.hashGraphLinks);
    await connection.send((api, init) => api.createCollection({ collection_name: name, ...definition }, init), WRITE);
  } catch (thrown) {
    // Another process, or a first attempt whose answer was lost, may have made it in the meantime.
    refusal = thrown;
  }
  const info = await collectionInfo(connection, name);
  if (info !== null) return info;
  throw (
    refusal ??
    new DafhError("COLLECTION_MISSING", `Collection ${JSON.stringify(name)} was deleted while it was opened.`)
  );
}

/** Making an index that is there changes nothing, so two processes may make the same ones. */
async function createMissingIndexes(
  connection: Connection,
  name: string,
  info: Schemas["CollectionInfo"],
): Promise<void> {
  const missing = payloadIndexes().filter(({ field }) => info.payload_schema[field] === undefined);
  const create = async ({ field, type }: (typeof missing)[number]) => {
    const body = { collection_name: name, field_name: field, field_schema: type, wait: true };
    await connection.send((api, init) => api.createFieldIndex(body, init), WRITE);
  };
  await Promise.all(missing.map(create));
}
