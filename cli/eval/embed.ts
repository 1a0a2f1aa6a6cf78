/** Images through the encoder, many at a time; what it refuses is named and left out. */
import type { AttentionMap, Embedding, Encoder, ImageSource } from "../../schemas/index.js";
import { asDafhError, type DafhError, ERRORS } from "../../schemas/index.js";

/** Enough to keep every decode thread and network session of this machine busy. */
const UNDER_WAY = 8;

export interface Embedded<Item> {
  readonly item: Item;
  readonly embedding: Embedding;
  readonly foreignScore: number | undefined;
  readonly attention?: AttentionMap;
}

export interface Refused<Item> {
  readonly item: Item;
  readonly error: DafhError;
}

export interface EmbedOptions<Item> {
  sourceOf(item: Item): Promise<ImageSource>;
  frameOf(item: Item): number;
  onProgress?(done: number): void;
  readonly signal?: AbortSignal;
}

/** In the order of `items`. A fault that is not an image's own ends the work. */
export async function embedAll<Item>(
  encoder: Encoder,
  items: readonly Item[],
  { sourceOf, frameOf, onProgress, signal }: EmbedOptions<Item>,
): Promise<{ readonly embedded: readonly Embedded<Item>[]; readonly refused: readonly Refused<Item>[] }> {
  const results: (Embedded<Item> | undefined)[] = items.map(() => undefined);
  const refused: Refused<Item>[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item === undefined) return;
      signal?.throwIfAborted();
      try {
        const options = { frames: [frameOf(item)], ...(signal === undefined ? {} : { signal }) };
        const [frame] = (await encoder.encode(await sourceOf(item), options)).frames;
        if (frame !== undefined) {
          results[index] = { item, embedding: frame.embedding, foreignScore: frame.foreignScore };
        }
      } catch (thrown) {
        const error = asDafhError(thrown, isFileSystemError(thrown) ? "FILE_UNREADABLE" : "INTERNAL");
        if (ERRORS[error.code].kind !== "input") throw error;
        refused.push({ item, error });
      }
      onProgress?.(++done);
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, work));
  return { embedded: results.filter((result) => result !== undefined), refused };
}

function isFileSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown;
}
