/** `dafh search`: the stored images that look like a file's, or like a stored one. The search itself is the plugin's. */
import { performance } from "node:perf_hooks";
import { Command, Option } from "commander";
import type { Catalogue } from "../../catalogue/index.js";
import { deidentifiedAttributes } from "../../encoder/index.js";
import type { SearchHit, SearchRequest, SearchResponse } from "../../plugin/index.js";
import {
  codeToHex,
  DafhError,
  type Encoder,
  GROUP_FIELDS,
  type GroupBy,
  packCode,
  type QdrantFilter,
  SEARCH_MODES,
  type SearchMode,
} from "../../schemas/index.js";
import {
  type CommandContext,
  type Flags,
  frameOption,
  modalityOption,
  perform,
  type Run,
  wholeNumberOption,
  withCommonFlags,
} from "../command-line.js";
import { type ProfileFlags, profileOf, withAttributeOptions } from "../deidentify/profile-options.js";
import { EXIT, type ExitCode, type Output, table } from "../output.js";
import { withParts } from "../parts.js";

interface SearchFlags extends Flags, ProfileFlags {
  readonly id?: string;
  readonly frame?: number;
  readonly modality?: readonly string[];
  readonly filter?: string;
  readonly limit?: number;
  readonly mode?: SearchMode;
  readonly candidates?: number;
  readonly radius?: number;
  readonly group?: GroupBy;
  readonly groupSize?: number;
}

/** What is searched by, and what the answer says about it. */
interface Query {
  readonly search: SearchRequest["query"];
  readonly shown: Readonly<Record<string, unknown>>;
  readonly encodeMs: number | null;
}

export function searchCommand(context: CommandContext): Command {
  const command = withCommonFlags(new Command("search"))
    .description("Find the stored images that look like an image.")
    .argument("[file]", "DICOM, PNG or JPEG file to search by")
    .option("--id <uuid>", "search by a stored image in place of a file")
    .addOption(frameOption("of the file to search by"))
    .addOption(modalityOption())
    .option("--filter <json>", "Qdrant filter over the payload's fields")
    .addOption(wholeNumberOption("--limit <n>", "results, or groups; 10 unless told", 1, 1_000))
    .addOption(new Option("--mode <mode>", "how to rank").choices([...SEARCH_MODES]))
    .addOption(
      wholeNumberOption("--candidates <n>", "Hamming candidates that are rescored; 200 unless told", 1, 10_000),
    )
    .addOption(wholeNumberOption("--radius <bits>", "only images within this Hamming distance", 0, 1_024))
    .addOption(new Option("--group <by>", "group the results").choices(Object.keys(GROUP_FIELDS)))
    .addOption(wholeNumberOption("--group-size <n>", "results a group; 3 unless told", 1, 100));
  return withAttributeOptions(command, "what is said of the file").action(
    (file: string | undefined, flags: SearchFlags) => perform(context, flags, (run) => runSearch(run, file, flags)),
  );
}

async function runSearch({ config, output }: Run, file: string | undefined, flags: SearchFlags): Promise<ExitCode> {
  if (file === undefined && flags.id === undefined) {
    throw new DafhError("NO_QUERY", "There is no image to search by: give a file, or --id.");
  }
  if (file !== undefined && flags.id !== undefined) {
    throw new DafhError("SEVERAL_QUERIES", "Give a file or --id, not both.");
  }
  if (flags.id !== undefined && flags.frame !== undefined) {
    throw new DafhError("BAD_OPTION", "--frame goes with a file: an id already names a frame.", { field: "--frame" });
  }
  const options = optionsOf(flags);
  return withParts(config, { create: false }, async ({ collection, catalogue, encoder }) => {
    const startMs = performance.now();
    const query =
      file === undefined ? byId(flags.id ?? "") : await byFile(file, flags, { encoder, key: catalogue.pseudonymKey });
    const response = await collection.search({ query: query.search, ...options });
    const timingsMs = { encode: query.encodeMs, ...response.timingsMs, total: performance.now() - startMs };
    if (output.json) output.document({ query: query.shown, ...answerOf(response, catalogue), timingsMs });
    else print(response, catalogue, timingsMs, output);
    return EXIT.done;
  });
}

function optionsOf(flags: SearchFlags): Omit<SearchRequest, "query"> {
  const options = {
    mode: flags.mode,
    limit: flags.limit,
    candidateLimit: flags.candidates,
    hammingRadius: flags.radius,
    modality: flags.modality,
    filter: flags.filter === undefined ? undefined : filterOf(flags.filter),
    groupBy: flags.group,
    groupSize: flags.groupSize,
  };
  // The cast: the same options without the absent ones.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Omit<
    SearchRequest,
    "query"
  >;
}

function filterOf(text: string): QdrantFilter {
  let filter: unknown;
  try {
    filter = JSON.parse(text);
  } catch (cause) {
    throw new DafhError("BAD_FILTER", "--filter is not JSON.", { field: "--filter" }, { cause });
  }
  if (typeof filter !== "object" || filter === null || Array.isArray(filter)) {
    throw new DafhError("BAD_FILTER", "--filter is not a JSON object.", { field: "--filter" });
  }
  return { ...filter };
}

function byId(id: string): Query {
  return { search: { id }, shown: { id }, encodeMs: null };
}

async function byFile(
  path: string,
  flags: SearchFlags,
  { encoder, key }: { readonly encoder: Encoder; readonly key: Uint8Array },
): Promise<Query> {
  const startMs = performance.now();
  const { frame = 1 } = flags;
  const { kind, attributes, frames } = await encoder.encode({ path }, { frames: [frame] });
  const [encoded] = frames;
  if (encoded === undefined)
    throw new DafhError("FRAME_OUT_OF_RANGE", `The file has no frame ${frame}.`, { path, frame });
  const code = codeToHex(packCode(encoded.embedding.hash));
  const { modality, sopInstanceUid } = deidentifiedAttributes(attributes, { profile: profileOf(flags), key });
  return {
    search: { embedding: encoded.embedding },
    shown: {
      path,
      kind,
      frame,
      code,
      modality,
      sopInstanceUid,
      pixelDigest: encoded.pixelDigest,
      foreignScore: encoded.foreignScore,
    },
    encodeMs: performance.now() - startMs,
  };
}

function answerOf({ plan, hits, groups }: SearchResponse, catalogue: Catalogue) {
  const result = (hit: SearchHit) => resultOf(hit, catalogue);
  const results = hits.map(result);
  if (groups === undefined) return { plan, results };
  return { plan, results, groups: groups.map(({ key, hits: inGroup }) => ({ key, results: inGroup.map(result) })) };
}

function resultOf({ id, rank, score, hammingDistance, payload }: SearchHit, catalogue: Catalogue) {
  const { modality, sopInstanceUid, frame = 1 } = payload;
  const path = catalogue.path(id)?.path;
  return { id, score, hammingDistance, rank, modality, sopInstanceUid, frame, path, payload };
}

function print(
  { plan, hits, groups }: SearchResponse,
  catalogue: Catalogue,
  timingsMs: { readonly encode: number | null; readonly engine: number; readonly total: number },
  output: Output,
): void {
  const header = ["rank", "hamming", "score", "modality", "body part", "label", "frame", "file"];
  const row = ({ id, rank, score, hammingDistance, payload }: SearchHit) => [
    rank,
    hammingDistance,
    plan.mode === "hamming" ? score : score.toFixed(4),
    payload.modality ?? "–",
    payload.bodyPartExamined ?? "–",
    payload.label ?? "–",
    payload.frame ?? 1,
    catalogue.path(id)?.path ?? id,
  ];
  for (const { key, hits: inGroup } of groups ?? []) {
    output.line(`${plan.groupBy} ${key}`);
    for (const line of table(header, inGroup.map(row))) output.line(`  ${line}`);
  }
  if (groups === undefined) for (const line of table(header, hits.map(row))) output.line(line);
  if (hits.length === 0 && (groups ?? []).length === 0) output.line("Nothing stored matches.");
  if (plan.cutThroughTie === true)
    output.line("More images have the last distance shown; --radius cuts between distances.");
  const encode = timingsMs.encode === null ? "" : `${timingsMs.encode.toFixed(1)} ms encoding, `;
  output.line(
    `${plan.mode}: ${encode}${timingsMs.engine.toFixed(1)} ms in Qdrant, ${timingsMs.total.toFixed(1)} ms in all`,
  );
}
