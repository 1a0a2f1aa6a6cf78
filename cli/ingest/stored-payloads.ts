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

/** The payloads of a file of 10,000 frames take some 20 MB: what needs them one by one fetches them by parts. */
const IDS_AT_ONCE = 256;

export function* inParts<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += IDS_AT_ONCE) yield items.slice(start, start + IDS_AT_ONCE);
}
