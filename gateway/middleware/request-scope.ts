/**
 * First in the chain: gives the request its id, its clock and its signal, and at its end one log line and its counts.
 * The line holds the route's name, never the URL, a filter or a file's name: those can name a patient.
 */
import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import { DafhError } from "../../schemas/index.js";
import { type GatewayContext, openScope, type RequestScope } from "../context.js";

/** What is taken over from a proxy: long enough to be unique, and nothing that could break a log or a header. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;
/** Clients that went away before the answer are counted under this status, as nginx does. */
const CLIENT_CLOSED = 499;

export function requestScope({ logger, metrics, inFlight }: GatewayContext): RequestHandler {
  return (request, response, next) => {
    const given = request.get("x-request-id");
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    const startedAtMs = performance.now();
    const abort = new AbortController();
    const leave = inFlight.enter(abort);
    const scope: RequestScope = { requestId, startedAtMs, route: "other", abort };
    openScope(response, scope);
    response.setHeader("x-request-id", requestId);
    response.once("close", () => {
      const finished = response.writableFinished;
      if (!finished) abort.abort(new DafhError("TIMEOUT", "The client went away before its answer."));
      leave();
      const durationMs = performance.now() - startedAtMs;
      const { route, errorCode } = scope;
      const status = finished ? response.statusCode : CLIENT_CLOSED;
      const method = KNOWN_METHODS.has(request.method) ? request.method : "other";
      metrics.requests.inc({ route, method, status });
      metrics.requestSeconds.observe({ route }, durationMs / 1000);
      const line = { requestId, method, route, status, durationMs: Math.round(durationMs * 10) / 10 };
      logger.info(errorCode === undefined ? line : { ...line, code: errorCode }, "request");
    });
    next();
  };
}

const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
