/** Images through the encoder, many at a time; what it refuses is named and left out. */
import type { Embedding, Encoder, ImageSource } from "../../schemas/index.js";
import { asDafhError, type DafhError, ERRORS } from "../../schemas/index.js";

/** Enough to keep every decode thread and network session of this machine busy. */
const UNDER_WAY = 8;

export interface Embedded<Item> {
  readonly item: Item;
  readonly kind: "dicom" | "image";
  readonly embedding: Embedding;
  readonly foreignScore: number | undefined;
}

export interface Refused<Item> {
  readonly item: Item;
  readonly error: DafhError;
}

export interface EmbedAllOptions {
  onProgress(what: string, done: number, of: number): void;
  readonly signal: AbortSignal;
}

interface Sources<Item> extends EmbedAllOptions {
  sourceOf(item: Item): Promise<ImageSource>;
  /** From 1; the first unless told. */
  frameOf?(item: Item): number;
}

/** In the order of `items`. A fault that is not an image's own ends the work. */
export async function embedAll<Item>(
  encoder: Encoder,
  items: readonly Item[],
  what: string,
  { sourceOf, frameOf = () => 1, onProgress, signal }: Sources<Item>,
): Promise<{ readonly embedded: readonly Embedded<Item>[]; readonly refused: readonly Refused<Item>[] }> {
  const refused: Refused<Item>[] = [];
  let done = 0;
  const results = await eachOf(items, UNDER_WAY, async (item): Promise<Embedded<Item> | undefined> => {
    signal.throwIfAborted();
    try {
      const { kind, frames } = await encoder.encode(await sourceOf(item), { frames: [frameOf(item)], signal });
      const [frame] = frames;
      return frame && { item, kind, embedding: frame.embedding, foreignScore: frame.foreignScore };
    } catch (thrown) {
      const error = asDafhError(thrown, isFileSystemError(thrown) ? "FILE_UNREADABLE" : "INTERNAL");
      if (ERRORS[error.code].kind !== "input") throw error;
      refused.push({ item, error });
      return undefined;
    } finally {
      onProgress(what, ++done, items.length);
    }
  });
  return { embedded: results.filter((result) => result !== undefined), refused };
}

/** `atOnce` at a time; results in the order of `items`. */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Map<number, Result>();
  // One iterator for all: each takes the next item that nobody has.
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) results.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return [...results].sort(([one], [other]) => one - other).map(([, result]) => result);
}

function isFileSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown;
}
