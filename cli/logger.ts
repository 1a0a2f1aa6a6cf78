/** The structured log of long-running commands, on standard error: standard output is for results. */
import { destination, type Logger, pino } from "pino";

export function stderrLogger(level: "info" | "warn"): Logger {
  return pino({ level, base: null }, destination({ dest: 2, sync: true }));
}
