/**
 * Runs a step over a stream with a bounded number at once and hands the results on in the stream's own order, so that
 * which of two conflicting files comes first does not depend on how long each took.
 */

/**
 * @param start begins one item; a rejection ends the stream after those before it
 * @param discard gets what was made for a taker that left before
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  atOnce: number,
  start: (item: Item) => Promise<Result>,
  discard: (result: Result) => Promise<void> = async () => {},
): AsyncGenerator<Result> {
  const iterator = items[Symbol.asyncIterator]();
  const running: Promise<Result>[] = [];
  let exhausted = false;
  try {
    while (true) {
      while (!exhausted && running.length < atOnce) {
        const next = await iterator.next();
        if (next.done === true) exhausted = true;
        else {
          const result = start(next.value);
          // It is awaited in its turn, which may be after Node has called the rejection unhandled.
          result.catch(() => undefined);
          running.push(result);
        }
      }
      const first = running.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    for (const outcome of await Promise.allSettled(running)) {
      if (outcome.status === "fulfilled") await discard(outcome.value);
    }
    await iterator.return?.();
  }
}
