/**
 * Front door of the gateway: starts the HTTP server over parts that the caller opened and goes on owning. What a
 * request passes is `app.ts`; which error becomes which status is `status.ts`.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import type { Catalogue } from "../catalogue/index.js";
import { DEIDENTIFICATION_PROFILES, type DeidentificationProfile } from "../encoder/index.js";
import type { DafhCollection } from "../plugin/index.js";
import { DafhError, type Encoder } from "../schemas/index.js";
import { createApp } from "./app.js";
import { GATEWAY_DEFAULTS, type GatewayConfig } from "./config.js";
import type { GatewayContext } from "./context.js";
import { InFlight } from "./in-flight.js";
import { gatewayMetrics } from "./metrics.js";
import { statedLength } from "./middleware/body.js";
import { readinessProbe } from "./readiness.js";

export { GATEWAY_DEFAULTS, type GatewayConfig } from "./config.js";

export interface GatewayOptions {
  readonly collection: DafhCollection;
  readonly encoder: Encoder;
  readonly catalogue: Catalogue;
  /** What answers may say of an uploaded image; absent = strict. */
  readonly profile?: DeidentificationProfile;
  /** Over GATEWAY_DEFAULTS. */
  readonly config?: Partial<GatewayConfig>;
  readonly logger: Logger;
  /** Of /metrics. Give the encoder the same, and its batches are there too. */
  readonly registry?: Registry;
}

export interface Gateway {
  /** Such as "http://127.0.0.1:8080". */
  readonly url: string;
  /** Stops accepting, finishes what is in flight within `shutdownGraceMs`, cuts off the rest. Leaves the parts open. */
  close(): Promise<void>;
}

/** @throws DafhError BAD_OPTION where host and port cannot be listened on */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const config: GatewayConfig = Object.freeze({ ...GATEWAY_DEFAULTS, ...options.config });
  const readiness = readinessProbe(options);
  const metrics = gatewayMetrics(options.registry ?? new Registry(), readiness);
  const inFlight = new InFlight();
  const context: GatewayContext = {
    profile: DEIDENTIFICATION_PROFILES.strict,
    ...options,
    config,
    metrics,
    readiness,
    inFlight,
  };
  const app = createApp(context);
  const server = createServer(app);
  // A client that asks first (Expect: 100-continue) learns of a body too large before it sends any of it.
  server.on("checkContinue", (request, response) => {
    if (statedLength(request) <= config.maxUploadBytes) response.writeContinue();
    app(request, response);
  });
  await listen(server, config);
  const url = addressOf(server, config);
  options.logger.info({ url }, "gateway listens");
  return { url, close: () => close(server, inFlight, config.shutdownGraceMs) };
}

function listen(server: Server, { host, port }: GatewayConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const reason = (cause as NodeJS.ErrnoException).code; // Node's own errors carry one.
      const why =
        reason === "EADDRINUSE"
          ? "another program uses it; give another port, or 0 for any that is free"
          : `the system refuses it (${reason ?? "no reason given"})`;
      reject(new DafhError("BAD_OPTION", `Cannot listen on ${host} port ${port}: ${why}.`, {}, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function addressOf(server: Server, { host }: GatewayConfig): string {
  // The cast: a server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** How long answers that say "shutting down" may take to go out. */
const LAST_WORDS_MS = 250;

async function close(server: Server, inFlight: InFlight, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => {
    inFlight.abortAll(new DafhError("OVERLOADED", "The gateway is shutting down."));
    setTimeout(() => server.closeAllConnections(), LAST_WORDS_MS).unref();
  }, graceMs);
  await inFlight.drained();
  // Connections kept alive by clients that ask nothing more.
  server.closeAllConnections();
  await closed;
  clearTimeout(timer);
}
