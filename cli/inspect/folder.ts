/**
 * The series of a folder as they lie in space, for `dafh inspect FOLDER`: read here, put in order by the encoder's
 * `seriesInSpatialOrder`, and told line by line.
 */
import { relative } from "node:path";
import {
  type Inspector,
  type Series,
  type SeriesFrame,
  type Stack,
  seriesInSpatialOrder,
} from "../../encoder/index.js";
import { asDafhError, ERRORS, type ErrorCode } from "../../schemas/index.js";
import { findFiles } from "../ingest/sources.js";
import { printable } from "../output.js";

export interface InspectedFolder {
  readonly path: string;
  readonly series: readonly Series[];
  readonly refused: readonly { readonly path: string; readonly code: ErrorCode; readonly message: string }[];
}

/** @throws DafhError where no further file could be read either */
export async function inspectFolder(inspector: Inspector, folder: string): Promise<InspectedFolder> {
  const frames: SeriesFrame[] = [];
  const refused: InspectedFolder["refused"][number][] = [];
  for await (const found of findFiles([folder], [])) {
    const { path } = found;
    try {
      if (found.kind === "refused") throw found.error;
      for (const frame of await inspector.frames(await found.open(), path)) frames.push(frame);
    } catch (thrown) {
      const { code, message } = asDafhError(thrown, "INTERNAL", { path });
      const { kind } = ERRORS[code];
      if (kind === "service" || kind === "state") throw thrown;
      refused.push({ path, code, message });
    }
  }
  return { path: folder, series: seriesInSpatialOrder(frames), refused };
}

export function folderLines({ path: folder, series, refused }: InspectedFolder): string[] {
  const lines = [printable(folder)];
  const shown = (path: string): string => printable(relative(folder, path));
  for (const { seriesInstanceUid = "without a Series Instance UID", modality = "?", stacks, unplaced } of series) {
    lines.push(`  series ${seriesInstanceUid}, ${modality}`);
    for (const stack of stacks) lines.push(...stackLines(stack, shown));
    if (unplaced.length > 0) lines.push(`    ${unplaced.length} without a place in space`);
    for (const { path, frame } of unplaced) lines.push(`      ${shown(path)}, frame ${frame}`);
  }
  const byCode = new Map<ErrorCode, number>();
  for (const { code } of refused) byCode.set(code, (byCode.get(code) ?? 0) + 1);
  for (const [code, files] of byCode) lines.push(`  ${code} (${files}): ${ERRORS[code].meaning}`);
  return lines;
}

function stackLines({ slices, spacingMm, gaps, repeated }: Stack, shown: (path: string) => string): string[] {
  const [first, last] = [slices[0]?.positionMm, slices.at(-1)?.positionMm];
  const range = first === last ? `at ${first} mm` : `from ${first} to ${last} mm, ${spacingMm} mm apart`;
  return [
    `    ${slices.length} slice${slices.length === 1 ? "" : "s"} ${range}`,
    ...gaps.map(({ fromMm, toMm, missing }) => `    gap: ${missing} missing between ${fromMm} and ${toMm} mm`),
    ...repeated.map(({ positionMm, frames }) => `    ${frames} at ${positionMm} mm`),
    ...slices.map(({ positionMm, path, frame, instanceNumber }) => {
      const number = instanceNumber === undefined ? "" : `, instance ${instanceNumber}`;
      return `      ${positionMm.toFixed(2).padStart(9)}  ${shown(path)}, frame ${frame}${number}`;
    }),
  ];
}
