/** `dafh eval`: retrieval quality through the whole product, on images whose classes a manifest names. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { DafhCollection } from "../../plugin/index.js";
import { DafhError } from "../../schemas/index.js";
import { type CommandContext, exitCodeOf, type Flags, perform, type Run, withCommonFlags } from "../command-line.js";
import { connectionOf } from "../config.js";
import { readManifest, type Split } from "../eval/manifest.js";
import { reportOf } from "../eval/report.js";
import { evaluate } from "../eval/run.js";
import { pictureSheet } from "../eval/sheet.js";
import { printReport } from "../eval/tables.js";
import { EXIT, type ExitCode } from "../output.js";
import { withEncoder } from "../parts.js";
import { stopSignal } from "../stop-signal.js";

interface EvalFlags extends Flags {
  readonly images: string;
  readonly manifest: string;
  readonly queries: Split;
  readonly report?: string;
  readonly sheet?: string;
  readonly robustness?: boolean;
  /** true: without a folder. */
  readonly foreign?: string | true;
  readonly hard?: readonly string[];
}

/** Of its own, so that nothing ingested is touched; the network's digest follows, since a collection is of one network. */
const COLLECTION = "dafh-evaluation";
const EVERYTHING = { must: [{ key: "frame", range: { gte: 1 } }] };

export function evalCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("eval"))
    .description("Measure how well images of one class find each other: train is stored, another split is asked.")
    .requiredOption("--images <dir>", "folder that the manifest's paths start from")
    .requiredOption(
      "--manifest <csv>",
      "path, modality, label, split (train, val or test), and optionally group, frame",
    )
    .addOption(new Option("--queries <split>", "the split that is asked").choices(["test", "val"]).default("test"))
    .option("--hard <list>", "classes, as MODALITY/label with commas between, whose mean is shown too", (text) =>
      text.split(","),
    )
    .option("--model <dir>", "folder of another network (else DAFH_MODEL, else the package's)")
    .option("--robustness", "also ask with every query mirrored, turned, toned, cropped, compressed and coarsened")
    .option(
      "--foreign [dir]",
      "also tell images that are none of these apart: made-up ones, and those in dir by its sub-folders",
    )
    .option("--report <file>", "write the JSON document there as well")
    .option("--sheet <file>", "write a PNG of queries with their nearest images")
    .addHelpText("after", ENGINE_HELP)
    .action((flags: EvalFlags) => perform(context, flags, (run) => runEval(run, flags)));
}

const ENGINE_HELP = `
Without --data the engine is a temporary one; with it, or QDRANT_URL, collection ${COLLECTION}-DIGEST is made there, and emptied at the end.`;

async function runEval({ config, output, streams }: Run, flags: EvalFlags): Promise<ExitCode> {
  const images = readManifest(flags.manifest);
  const imagesFolder = resolve(flags.images);
  const hard = flags.hard ?? [];
  const asked = new Set(images.filter(({ split }) => split === flags.queries).map(({ className }) => className));
  const unknown = hard.find((name) => !asked.has(name));
  if (unknown !== undefined) {
    throw new DafhError(
      "BAD_OPTION",
      `--hard names ${unknown}, of which the manifest has no image in ${flags.queries}.`,
    );
  }
  const robustness = flags.robustness === true;
  const temporary =
    flags.data === undefined && config.qdrant === null ? await mkdtemp(join(tmpdir(), "dafh-eval-")) : undefined;
  const stop = stopSignal(() => output.note("Stopping. Once more to stop at once."));
  try {
    return await withEncoder(config, undefined, async (encoder) => {
      const { model } = await encoder.info();
      const connection = temporary === undefined ? connectionOf(config) : { dataDir: temporary };
      const name = `${COLLECTION}-${model.digest.slice(0, 12)}`;
      const collection = await DafhCollection.open({ connection, model, name, create: true });
      try {
        // What an evaluation that was stopped has left would be found as if it were of this one.
        await collection.delete({ filter: EVERYTHING });
        const evaluation = await evaluate(encoder, collection, {
          imagesFolder,
          images,
          queries: flags.queries,
          robustness,
          foreign: robustness || flags.foreign !== undefined,
          foreignFolder: typeof flags.foreign === "string" ? resolve(flags.foreign) : undefined,
          onProgress: progressOn(streams.stderr),
          signal: stop.signal,
        });
        const report = reportOf(evaluation, flags.queries, hard);
        if (flags.report !== undefined) await writeFile(flags.report, `${JSON.stringify(report, null, 2)}\n`);
        if (flags.sheet !== undefined) {
          await writeFile(flags.sheet, await pictureSheet(encoder, evaluation, imagesFolder));
        }
        if (output.json) output.document(report);
        else printReport(report, output);
        return exitCodeOf(evaluation.refused.length);
      } finally {
        await collection.delete({ filter: EVERYTHING }).finally(() => collection.close());
      }
    });
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
    output.note("Stopped before there were figures.");
    return EXIT.failed;
  } finally {
    stop.release();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** A line for each part, and one for every tenth of it. */
function progressOn(stream: NodeJS.WritableStream): (what: string, done: number, of: number) => void {
  return (what, done, of) => {
    const step = Math.max(1, Math.ceil(of / 10));
    if (done % step === 0 || done === of) stream.write(`${what}: ${done} of ${of}\n`);
  };
}
