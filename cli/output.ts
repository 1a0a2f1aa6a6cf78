/**
 * How every command speaks: results on standard output (one JSON document, or one a line), everything else on standard
 * error, and the exit codes that scripts may count on.
 */
import { asDafhError, type DafhError, type ErrorCode } from "../schemas/index.js";

export const EXIT = { done: 0, failed: 1, badUsage: 2, someRefused: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that say the command line itself is at fault. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  "BAD_OPTION",
  "BAD_FILTER",
  "UNKNOWN_FIELD",
  "NO_QUERY",
  "SEVERAL_QUERIES",
]);

/** Where a command writes: the process's own streams, but for tests. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export interface Output {
  readonly json: boolean;
  /** One JSON document on one line. */
  document(value: unknown): void;
  /** A line for people; nothing with --json. */
  line(text?: string): void;
  /** A line on standard error, whatever the form of the result. */
  note(text: string): void;
}

export function outputTo(streams: Streams, json: boolean): Output {
  return {
    json,
    document: (value) => streams.stdout.write(`${JSON.stringify(value)}\n`),
    line: (text = "") => {
      if (!json) streams.stdout.write(`${text}\n`);
    },
    note: (text) => streams.stderr.write(`${text}\n`),
  };
}

/** Says what went wrong where it is looked for, and gives the exit code for it. */
export function reportFailure(thrown: unknown, output: Output): ExitCode {
  const error = asDafhError(thrown);
  output.note(`dafh: ${describe(error)}`);
  if (error.code === "INTERNAL" && error.cause instanceof Error) output.note(error.cause.stack ?? error.cause.message);
  if (output.json) output.document({ error: error.toBody() });
  return USAGE_CODES.has(error.code) ? EXIT.badUsage : EXIT.failed;
}

export function describe(error: DafhError): string {
  const { path, tag, frame, field } = error.where;
  const place = [path, field, tag, frame === undefined ? undefined : `frame ${frame}`].filter(
    (part) => part !== undefined,
  );
  const where = place.length === 0 ? "" : ` [${place.map((part) => printable(part)).join(", ")}]`;
  return `${error.code}: ${printable(error.message)}${where} ${error.wayOut}`;
}

/** Names and attributes come from files: a terminal must not take their control characters for commands. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [header, ...rows].map((row) => row.map((cell) => printable(String(cell))));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numeric[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
