/** `dafh encoder`: the encoder as a service of its own, for gateways and ingesters that set ENCODER_URL. */
import { Command } from "commander";
import { openEncoder, startEncoderService } from "../../encoder/index.js";
import {
  type CommandContext,
  type Flags,
  perform,
  type Run,
  wholeNumberOption,
  withCommonFlags,
} from "../command-line.js";
import { stderrLogger } from "../logger.js";
import { EXIT, type ExitCode } from "../output.js";
import { stopped, stopSignal } from "../stop-signal.js";

interface EncoderFlags extends Flags {
  readonly port: number;
  readonly host: string;
}

const DEFAULT_PORT = 8090;

export function encoderCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("encoder"))
    .description("Start the encoder service (POST /v1/encode).")
    .addOption(wholeNumberOption("--port <n>", "port; 0 takes a free one", 0, 65_535).default(DEFAULT_PORT))
    .option("--host <address>", "address to listen on; there is no sign-in yet", "127.0.0.1")
    .action((flags: EncoderFlags) => perform(context, flags, (run) => runEncoder(run, flags)));
}

/** Always over this machine's own workers: a service in front of another service would only add a hop. */
async function runEncoder({ config, output }: Run, { host, port }: EncoderFlags): Promise<ExitCode> {
  const logger = stderrLogger("info");
  const stop = stopSignal(() => logger.info("stopping: requests in flight are being finished"));
  try {
    const encoder = await openEncoder({ logger, ...(config.modelDir === null ? {} : { modelDir: config.modelDir }) });
    try {
      const service = await startEncoderService({ host, port, encoder, logger });
      if (output.json) output.document({ url: service.url });
      else output.line(`The encoder listens on ${service.url}`);
      await stopped(stop);
      await service.close();
    } finally {
      await encoder.close();
    }
    return EXIT.done;
  } finally {
    stop.release();
  }
}
