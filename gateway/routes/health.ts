/**
 * GET /healthz, /readyz and /metrics: for whoever runs this. `healthz` says that this process answers and asks nobody
 * else: a broken engine must not get a sound gateway restarted. `readyz` says whether a search would work.
 */
import type { RequestHandler } from "express";
import type { GatewayContext } from "../context.js";

export function healthz(): RequestHandler {
  return (_request, response) => {
    response.json({ status: "ok" });
  };
}

export function readyz({ readiness, inFlight }: GatewayContext): RequestHandler {
  return async (_request, response) => {
    const found = await readiness();
    const ready = found.ready && !inFlight.ending;
    response.status(ready ? 200 : 503).json({ status: ready ? "ready" : "not ready", ...found });
  };
}

export function metricsText({ metrics }: GatewayContext): RequestHandler {
  return async (_request, response) => {
    response.setHeader("content-type", metrics.registry.contentType);
    response.end(await metrics.registry.metrics());
  };
}
