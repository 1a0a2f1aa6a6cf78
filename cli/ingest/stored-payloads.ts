/** What the engine holds under given ids, by id. */
import type { DafhCollection } from "../../plugin/index.js";
import type { InstancePayload } from "../../schemas/index.js";

/** Ids that are not stored are absent. */
export async function storedPayloads(
  collection: DafhCollection,
  ids: readonly string[],
): Promise<Map<string, InstancePayload>> {
  const stored = await collection.fetch([...new Set(ids)]);
  return new Map(stored.map(({ id, payload }) => [id, payload]));
}
