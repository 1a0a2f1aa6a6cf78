/** Ctrl-C and SIGTERM as an AbortSignal: the first asks for an orderly end, the second does not ask. */

export interface StopSignal {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** What a shell reports for a process that Ctrl-C ended. */
const INTERRUPTED = 130;

export function stopSignal(onFirst: () => void): StopSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    onFirst();
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}

export function stopped({ signal }: StopSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
