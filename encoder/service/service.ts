/**
 * The encoder over HTTP. Reads as a request goes: recorded, routed, read, encoded, answered. No address, log line or
 * metric carries anything of the image but its outcome. Encoding itself is behind `Encoder`.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from "express";
import type { Logger } from "pino";
import { Counter, Histogram, Registry } from "prom-client";
import { DafhError, type Encoder, type EncoderInfo, stackPlaces } from "../../schemas/index.js";
import { encodedFileJson, LINES, lineOf } from "../wire.js";
import { parseEncodeQuery } from "./encode-options.js";
import { asHttpError, httpStatus } from "./http-errors.js";
import { type BodyLimits, BodyReader } from "./read-body.js";

export interface ServiceLimits extends BodyLimits {
  /** A request from its first byte to its last answer; where the answer comes in lines, from one of them to the next. */
  readonly requestMs: number;
  /** What requests under way get to finish in when the service closes. */
  readonly shutdownMs: number;
}

const DEFAULT_SERVICE_LIMITS: ServiceLimits = {
  bodyBytes: 512 * 1024 * 1024,
  bufferedBytes: 2048 * 1024 * 1024,
  requestMs: 300_000,
  shutdownMs: 10_000,
};

export interface EncoderServiceOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Stays the caller's: closing the service does not close it. */
  readonly encoder: Encoder;
  readonly logger: Logger;
  /** The encoder's own metrics, which /metrics shows beside those of the requests. */
  readonly encoderMetrics?: Registry | undefined;
  readonly limits?: Partial<ServiceLimits>;
}

export interface EncoderService {
  readonly url: string;
  /** Takes no more requests, lets those under way finish, and stops listening. */
  close(): Promise<void>;
}

/** @throws DafhError BAD_OPTION where the address cannot be listened on */
export async function serveEncoder(options: EncoderServiceOptions): Promise<EncoderService> {
  const limits = { ...DEFAULT_SERVICE_LIMITS, ...options.limits };
  const draining = { now: false };
  const app = encoderApp({ ...options, limits, info: await options.encoder.info(), draining });
  const server = createServer({ requestTimeout: limits.requestMs }, app);
  const url = await listen(server, options.host, options.port);
  options.logger.info({ url }, "encoder service listening");

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    draining.now = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    // Connections of requests under way become idle one by one; `server.close` ends only those that are idle now.
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    // A request whose connection goes away is aborted (`endOfRequest`).
    const timer = setTimeout(() => server.closeAllConnections(), limits.shutdownMs);
    await closed;
    clearTimeout(timer);
    clearInterval(sweep);
    options.logger.info({ url }, "encoder service closed");
  };
  return { url, close: () => (closing ??= close()) };
}

interface AppParts extends EncoderServiceOptions {
  readonly limits: ServiceLimits;
  readonly info: EncoderInfo;
  readonly draining: { readonly now: boolean };
}

function encoderApp(parts: AppParts): Express {
  const { encoder, info, draining } = parts;
  const requestMetrics = new Registry();
  const registries = [requestMetrics, ...(parts.encoderMetrics === undefined ? [] : [parts.encoderMetrics])];
  const app = express();
  app.disable("x-powered-by");
  app.use(recordRequests(parts.logger, requestMetrics));

  app.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/readyz", async (_request, response) => {
    if (draining.now) throw new DafhError("ENCODER_UNAVAILABLE", "the service is shutting down");
    response.json({ status: "ready", ...(await encoder.info()) });
  });
  app.get("/metrics", async (_request, response) => {
    const texts = await Promise.all(registries.map((registry) => registry.metrics()));
    response.type(requestMetrics.contentType).send(texts.join("\n"));
  });
  app.get("/v1/info", async (_request, response) => {
    response.json(await encoder.info());
  });
  app.post("/v1/encode", encodeRoute(parts, info));

  for (const path of ["/healthz", "/readyz", "/metrics", "/v1/info"]) app.all(path, onlyMethod("GET"));
  app.all("/v1/encode", onlyMethod("POST"));
  app.use(() => {
    throw new DafhError("NOT_FOUND", "the encoder has no such route");
  });
  app.use(answerError(parts.logger));
  return app;
}

function encodeRoute({ encoder, limits }: AppParts, { model }: EncoderInfo): RequestHandler {
  const bodies = new BodyReader(limits);
  return async (request, response) => {
    const query = parseEncodeQuery(request.query);
    const { signal, goesOn } = endOfRequest(response, limits.requestMs);
    const options = { ...query, signal };
    await bodies.withImage(request, response, async (bytes) => {
      const source = { bytes, disposable: true };
      if (request.accepts("json", LINES) !== LINES) {
        const encoded = await encoder.encode(source, options);
        response.type("application/json");
        await pipeline(Readable.from(encodedFileJson(model, encoded)), response);
        return;
      }
      let head = "";
      const write = async (text: string): Promise<void> => {
        goesOn();
        if (!response.headersSent) response.type(LINES);
        if (!response.write(head + text)) await once(response, "drain", { signal });
        head = "";
      };
      const end = await encoder.encodeTo(
        {
          // Sent with the first frame: a file that fails before is answered with a status of its own.
          opened: (file) => {
            head = lineOf.file(model, file);
          },
          frame: (frame) => write(lineOf.frame(frame)),
        },
        source,
        options,
      );
      response.end(lineOf.end(end));
    });
  };
}

/** Aborts when the client has gone or has waited too long since `goesOn` was called last. */
function endOfRequest(response: Response, limitMs: number): { readonly signal: AbortSignal; goesOn(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DafhError("TIMEOUT", `the request took longer than ${limitMs} ms`));
  }, limitMs);
  response.on("close", () => {
    clearTimeout(timer);
    controller.abort(new DafhError("TIMEOUT", "the client went away before its answer"));
  });
  return {
    signal: controller.signal,
    goesOn: () => {
      if (!controller.signal.aborted) timer.refresh();
    },
  };
}

function onlyMethod(method: string): RequestHandler {
  return (_request, response) => {
    response.set("Allow", method);
    throw new DafhError("METHOD_NOT_ALLOWED", `this route takes ${method} only`);
  };
}

function recordRequests(logger: Logger, registry: Registry): RequestHandler {
  const requests = new Counter({
    name: "dafh_encoder_requests_total",
    help: "HTTP requests by route and status",
    labelNames: ["route", "status"],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "dafh_encoder_request_seconds",
    help: "Time from a request's head to the end of its answer",
    labelNames: ["route"],
    registers: [registry],
  });
  return (request, response, next) => {
    const started = performance.now();
    const requestId = requestIdOf(request);
    response.set("X-Request-Id", requestId);
    response.on("close", () => {
      // The route's own pattern, never the address that was asked for: labels must stay few, and logs clean.
      const route = request.route?.path ?? "none";
      const milliseconds = Math.round(performance.now() - started);
      requests.inc({ route, status: response.statusCode });
      seconds.observe({ route }, milliseconds / 1000);
      const completed = response.writableFinished;
      logger.debug({ requestId, method: request.method, route, status: response.statusCode, milliseconds, completed });
    });
    next();
  };
}

function requestIdOf(request: Request): string {
  const given = request.get("x-request-id") ?? "";
  return /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** How long the rest of a refused body is taken in, so that its sender gets to read the answer. */
const DISCARD_MS = 5_000;

/** Express knows an error handler by its four parameters. */
function answerError(logger: Logger) {
  return (thrown: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const error = asHttpError(thrown);
    const status = httpStatus(error.code);
    const requestId = response.get("X-Request-Id");
    if (status === 500) logger.error({ requestId, code: error.code, trace: stackPlaces(error) }, "a request failed");
    else logger.info({ requestId, status, code: error.code }, "a request was refused");
    if (response.headersSent) {
      // An answer in lines can still say why it ends; a document can only break off.
      if (response.get("Content-Type")?.startsWith(LINES) === true) response.end(lineOf.error(error));
      else response.destroy();
      return;
    }
    if (!request.complete) setTimeout(() => request.complete || request.destroy(), DISCARD_MS).unref();
    if (error.retryable) response.set("Retry-After", "1");
    response.status(status).json({ error: error.toBody() });
  };
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const where = { field: "port" };
      reject(new DafhError("BAD_OPTION", `cannot listen on ${host} port ${port}: ${cause.message}`, where, { cause }));
    });
    server.listen(port, host, () => {
      // A TCP server's address is an object.
      const { address, family, port: chosen } = server.address() as AddressInfo;
      resolve(`http://${family === "IPv6" ? `[${address}]` : address}:${chosen}`);
    });
  });
}
