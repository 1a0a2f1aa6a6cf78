/**
 * Hands results that are made at once over in the order in which they were begun, and keeps their maker from running
 * more than so many ahead of whoever takes them.
 */
import { Slots } from "./slots.js";

export class Delivery<Item> {
  readonly #places: Slots;
  readonly #take: (item: Item) => void | Promise<void>;
  #last: Promise<void> = Promise.resolve();
  /** Settles, and never rejects, when the item that is being taken is taken. */
  #taking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(ahead: number, take: (item: Item) => void | Promise<void>) {
    this.#places = new Slots(ahead);
    this.#take = take;
  }

  /** Waits for a place for one item. @throws what an earlier item or its taker threw; the signal's reason */
  place(signal: AbortSignal | undefined): Promise<void> {
    return this.#places.acquire(signal);
  }

  /** Gives a place back that no item needs. */
  giveBack(): void {
    this.#places.release();
  }

  /** An item for a place. */
  add(item: Promise<Item>): void {
    const before = this.#last;
    this.#last = (async () => {
      // Both: whichever fails, neither rejection is left unhandled.
      const [made] = await Promise.all([item, before]);
      if (this.#stopped) return;
      const taken = Promise.resolve(made).then(this.#take);
      this.#taking = taken.catch(() => undefined);
      await taken;
      this.#places.release();
    })();
    this.#last.catch((thrown: unknown) => this.#places.close(thrown));
  }

  /** @throws what an item or its taker threw */
  finish(): Promise<void> {
    return this.#last;
  }

  /** Hands over nothing more, and resolves when what is being taken is taken. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#taking;
  }
}
