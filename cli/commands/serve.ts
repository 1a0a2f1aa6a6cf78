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
import { type ProfileFlags, profileOf, withAttributeOptions } from "../deidentify/profile-options.js";
import { stderrLogger } from "../logger.js";
import { EXIT, type ExitCode } from "../output.js";
import { withParts } from "../parts.js";
import { stopped, stopSignal } from "../stop-signal.js";

interface ServeFlags extends Flags, ProfileFlags {
  readonly port?: number;
  readonly host?: string;
}

export function serveCommand(context: CommandContext): Command {
  const command = withCommonFlags(new Command("serve"))
    .description("Start the gateway: the query API and its page.")
    .addOption(wholeNumberOption("--port <n>", "port (8080 unless told); 0 takes a free one", 0, 65_535))
    .option("--host <address>", "address to listen on (127.0.0.1 unless told); there is no sign-in yet");
  return withAttributeOptions(command, "what is said of an uploaded image").action((flags: ServeFlags) =>
    perform(context, flags, (run) => runServe(run, flags)),
  );
}

async function runServe({ config, output }: Run, flags: ServeFlags): Promise<ExitCode> {
  // Loaded here, since it is a good part of what there is to load and the other commands need none of it.
  const { GATEWAY_DEFAULTS, startGateway } = await import("../../gateway/index.js");
  const listen = { host: flags.host ?? GATEWAY_DEFAULTS.host, port: flags.port ?? GATEWAY_DEFAULTS.port };
  const profile = profileOf(flags);
  const logger = stderrLogger("info");
  const stop = stopSignal(() => logger.info("stopping: requests in flight are being finished"));
  try {
    const registry = new Registry();
    return await withParts(config, { create: true, registry }, async ({ collection, catalogue, encoder }) => {
      const gateway = await startGateway({ collection, catalogue, encoder, profile, config: listen, logger, registry });
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
