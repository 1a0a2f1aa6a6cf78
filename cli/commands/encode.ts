/** `dafh encode`: the code and the vectors of a frame, for scripts that compare or store them elsewhere. */
import { Command } from "commander";
import { codeToHex, DafhError, type EncodedFile, packCode } from "../../schemas/index.js";
import {
  type CommandContext,
  exitCodeOf,
  type Flags,
  frameOption,
  perform,
  type Run,
  withCommonFlags,
} from "../command-line.js";
import { eachInput } from "../each-input.js";
import { type ExitCode, printable } from "../output.js";
import { withEncoder } from "../parts.js";

interface EncodeFlags extends Flags {
  readonly frame?: number;
  readonly attention?: boolean;
}

export function encodeCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("encode"))
    .description("Print the binary code, hash and features of images.")
    .argument("<file...>", "DICOM, PNG or JPEG files")
    .option("--model <dir>", "folder of another network (else DAFH_MODEL, else the package's)")
    .addOption(frameOption("to encode"))
    .option(
      "--attention",
      "with --json, also where the network looked: a square map over its input, row-major from 0 to 1",
    )
    .action((files: string[], flags: EncodeFlags) =>
      perform(context, flags, (run) => runEncode(run, files, flags.frame ?? 1, flags.attention ?? false)),
    );
}

async function runEncode(
  { config, output }: Run,
  files: readonly string[],
  frame: number,
  attention: boolean,
): Promise<ExitCode> {
  const refused = await withEncoder(config, undefined, async (encoder) => {
    const { model, provider } = await encoder.info();
    return eachInput(files, output, async (path) => {
      const encoded = documentOf(path, frame, await encoder.encode({ path }, { frames: [frame], attention }));
      if (output.json) output.document({ ...encoded, model: { name: model.name, digest: model.digest }, provider });
      else output.line(`${encoded.code}  ${printable(path)}`);
    });
  });
  return exitCodeOf(refused);
}

/** Vectors as base64 of float32, little endian. */
function documentOf(path: string, frame: number, { kind, attributes, contentDigest, frames, timingsMs }: EncodedFile) {
  const [encoded] = frames;
  if (encoded === undefined)
    throw new DafhError("FRAME_OUT_OF_RANGE", `The file has no frame ${frame}.`, { path, frame });
  return {
    path,
    kind,
    frame: encoded.frame,
    frames: attributes.frames ?? 1,
    code: codeToHex(packCode(encoded.embedding.hash)),
    hash: base64(encoded.embedding.hash),
    features: base64(encoded.embedding.features),
    pixelDigest: encoded.pixelDigest,
    foreignScore: encoded.foreignScore,
    ...(encoded.attention === undefined
      ? {}
      : { attention: { ...encoded.attention, values: base64(encoded.attention.values) } }),
    contentDigest,
    timingsMs,
  };
}

function base64(values: Float32Array): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
