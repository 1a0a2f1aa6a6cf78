/** The requests that are being answered, so that the gateway can end in good order: it waits for them, then ends them. */
export class InFlight {
  readonly #requests = new Set<AbortController>();
  #ending = false;
  #onIdle: () => void = () => undefined;

  /** From now on the gateway is going away. */
  get ending(): boolean {
    return this.#ending;
  }

  /** @returns to be called when the request is over */
  enter(request: AbortController): () => void {
    this.#requests.add(request);
    return () => {
      this.#requests.delete(request);
      if (this.#requests.size === 0) this.#onIdle();
    };
  }

  /** Settles when no request is left. */
  async drained(): Promise<void> {
    this.#ending = true;
    if (this.#requests.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  abortAll(reason: Error): void {
    for (const request of this.#requests) request.abort(reason);
  }
}
