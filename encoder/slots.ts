/** A fixed number of slots that are waited for in order: bounds how much is under way at once, whoever started it. */
export class Slots {
  #free: number;
  readonly #waiting: { take(): void; refuse(reason: unknown): void }[] = [];
  #closedFor: unknown;

  constructor(readonly count: number) {
    this.#free = count;
  }

  get taken(): number {
    return this.count - this.#free;
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when a slot is the caller's, who gives it back by `release`. @throws the reason of the signal, or of `close` */
  async acquire(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closedFor !== undefined) throw this.#closedFor;
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const settle = (outcome: () => void): void => {
        signal?.removeEventListener("abort", abort);
        outcome();
      };
      const waiter = { take: () => settle(resolve), refuse: (reason: unknown) => settle(() => reject(reason)) };
      this.#waiting.push(waiter);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.take();
  }

  /** From now on whoever waits or comes gets `reason`. */
  close(reason: unknown): void {
    this.#closedFor = reason;
    for (const { refuse } of this.#waiting.splice(0)) refuse(reason);
  }
}
