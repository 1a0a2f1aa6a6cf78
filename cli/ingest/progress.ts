/**
 * Shows on standard error how far an ingestion is: a bar on a terminal, a line now and then elsewhere. The total comes
 * from a count that runs ahead of the work; until it is there, there is no time left to show.
 */
import { performance } from "node:perf_hooks";
import { Presets, SingleBar } from "cli-progress";
import type { Streams } from "../output.js";
import type { Tally } from "./summary.js";

export interface Progress {
  total(files: number): void;
  update(tally: Tally): void;
  stop(): void;
}

const LINE_EVERY_MS = 10_000;

export const NO_PROGRESS: Progress = { total: () => undefined, update: () => undefined, stop: () => undefined };

export function showProgress(stream: Streams["stderr"]): Progress {
  return stream.isTTY === true ? bar(stream) : lines(stream);
}

function bar(stream: Streams["stderr"]): Progress {
  const pace = paceOf();
  const format = "{bar} {value}/{total} files · {rate} files/s · {left} left · {refused} refused";
  const shown = new SingleBar({ format, stream, hideCursor: true, etaBuffer: 50 }, Presets.shades_classic);
  const payload = { rate: "–", left: "–", refused: 0 };
  shown.start(0, 0, payload);
  let total: number | undefined;
  return {
    total(files) {
      total = files;
      shown.setTotal(files);
    },
    update(tally) {
      const rate = pace(tally.files);
      const left = total === undefined ? "–" : timeLeft(total - tally.files, rate);
      shown.update(tally.files, { rate: rate.toFixed(0), left, refused: tally.refusals });
    },
    stop: () => shown.stop(),
  };
}

function lines(stream: Streams["stderr"]): Progress {
  const pace = paceOf();
  let total: number | undefined;
  let lastMs = performance.now();
  return {
    total(files) {
      total = files;
    },
    update(tally) {
      const rate = pace(tally.files);
      if (performance.now() - lastMs < LINE_EVERY_MS) return;
      lastMs = performance.now();
      const of = total === undefined ? "" : ` of ${total}`;
      const left = total === undefined ? "" : `, ${timeLeft(total - tally.files, rate)} left`;
      stream.write(`${tally.files}${of} files, ${rate.toFixed(1)} files/s${left}, ${tally.refusals} refused\n`);
    },
    stop: () => undefined,
  };
}

/** Files a second over the last half minute or so: what was skipped at the start does not flatter the rest. */
function paceOf(): (files: number) => number {
  const marks: { readonly ms: number; readonly files: number }[] = [{ ms: performance.now(), files: 0 }];
  return (files) => {
    const ms = performance.now();
    const last = marks.at(-1);
    if (last === undefined || ms - last.ms > 1_000) marks.push({ ms, files });
    if (marks.length > 30) marks.shift();
    const first = marks[0] ?? { ms, files };
    return ((files - first.files) * 1_000) / Math.max(1, ms - first.ms);
  };
}

function timeLeft(files: number, rate: number): string {
  if (rate <= 0) return "–";
  const seconds = Math.max(0, Math.round(files / rate));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
