/**
 * What was deleted is overwritten in LMDB's file, in place and in transactions of LMDB's own: others may have it open,
 * and a kill at any moment leaves a catalogue that is whole. The file does not shrink.
 */
import type { Database, RootDatabase } from "lmdb";

const KEYS_AT_ONCE = 500;
const PAGES_AT_ONCE = 1_024;
/** Of an LMDB page: fills one, its header apart. */
const FILLER_BYTES = 4_000;

/**
 * @param stores all that is in it
 * @param filler an empty store, which is empty again afterwards
 */
export async function overwriteDeleted(
  root: RootDatabase,
  stores: readonly Database<unknown, string>[],
  filler: Database<Uint8Array, number>,
): Promise<void> {
  // A run before this one may have been killed.
  await filler.clearAsync();
  // LMDB copies a page that is written to, without what it no longer holds …
  for (const store of stores) await writeAgain(root, store);
  // … and takes pages that are free before it makes the file longer: then none is left that was not written over.
  // Twice, since pages that one transaction frees can be taken by the one after the next.
  const page = new Uint8Array(FILLER_BYTES);
  for (let grown = 0, key = 0; grown < 2; ) {
    const before = pages(root);
    await root.transaction(() => {
      for (let number = 0; number < PAGES_AT_ONCE; number++) filler.put(key++, page);
    });
    grown = pages(root) > before ? grown + 1 : 0;
  }
  await filler.clearAsync();
}

async function writeAgain(root: RootDatabase, store: Database<unknown, string>): Promise<void> {
  let start: string | undefined;
  for (;;) {
    const keys: string[] = [...store.getKeys({ ...(start === undefined ? {} : { start }), limit: KEYS_AT_ONCE })];
    await root.transaction(() => {
      for (const key of keys) {
        const value = store.get(key);
        if (value !== undefined) store.put(key, value);
      }
    });
    if (keys.length < KEYS_AT_ONCE) return;
    start = keys.at(-1);
  }
}

function pages(root: RootDatabase): number {
  // The cast: lmdb's types leave out what its getStats gives.
  return (root.getStats() as { readonly lastPageNumber: number }).lastPageNumber;
}
