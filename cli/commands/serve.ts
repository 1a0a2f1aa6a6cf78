/** `dafh serve`: the gateway over the data folder, until it is told to stop. */
import { Command } from "commander";
import { Registry } from "prom-client";
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
import { withParts } from "../parts.js";
import { stopped, stopSignal } from "../stop-signal.js";

interface ServeFlags extends Flags {
  readonly port?: number;
  readonly host?: string;
}

export function serveCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("serve"))
    .description("Start the gateway: the query API and its page.")
    .addOption(wholeNumberOption("--port <n>", "port (8080 unless told); 0 takes a free one", 0, 65_535))
    .option("--host <address>", "address to listen on (127.0.0.1 unless told); there is no sign-in yet")
    .action((flags: ServeFlags) => perform(context, flags, (run) => runServe(run, flags)));
}

async function runServe({ config, output }: Run, { host, port }: ServeFlags): Promise<ExitCode> {
  // Loaded here, since it is a good part of what there is to load and the other commands need none of it.
  const { GATEWAY_DEFAULTS, startGateway } = await import("../../gateway/index.js");
  const listen = { host: host ?? GATEWAY_DEFAULTS.host, port: port ?? GATEWAY_DEFAULTS.port };
  const logger = stderrLogger("info");
  const stop = stopSignal(() => logger.info("stopping: requests in flight are being finished"));
  try {
    const registry = new Registry();
    return await withParts(config, { create: true, registry }, async ({ collection, catalogue, encoder }) => {
      const gateway = await startGateway({ collection, catalogue, encoder, config: listen, logger, registry });
      if (output.json) output.document({ url: gateway.url });
      else output.line(`The gateway listens on ${gateway.url}`);
      await stopped(stop);
      await gateway.close();
      return EXIT.done;
    });
  } finally {
    stop.release();
  }
}
