/**
 * What the gateway counts. Labels come from closed sets (routes, statuses, codes, stages): never an id, a file's name
 * or a filter's value. The encoder's own figures are in the same answer where the caller gave both one registry.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from "prom-client";
import type { ReadinessProbe } from "./readiness.js";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

export type Stage = "read" | "decode" | "network" | "encode" | "engine" | "search";
export type GatewayMetrics = ReturnType<typeof gatewayMetrics>;

export function gatewayMetrics(registry: Registry, readiness: ReadinessProbe) {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  watchParts(registry, readiness);
  return {
    registry,
    requests: new Counter({
      name: "dafh_http_requests_total",
      help: "Requests answered; status 499 = the client went away first",
      labelNames: ["route", "method", "status"],
      registers,
    }),
    requestSeconds: new Histogram({
      name: "dafh_http_request_duration_seconds",
      help: "From a request's headers to the end of its answer",
      labelNames: ["route"],
      buckets: SECONDS,
      registers,
    }),
    errors: new Counter({
      name: "dafh_http_errors_total",
      help: "Requests that ended with an error of the error table",
      labelNames: ["code"],
      registers,
    }),
    stageSeconds: new Histogram({
      name: "dafh_search_stage_duration_seconds",
      help: "Searches by stage: read (the body); encode, and in it decode and network; search, and in it engine",
      labelNames: ["stage"],
      buckets: SECONDS,
      registers,
    }),
    candidates: new Histogram({
      name: "dafh_search_candidates",
      help: "Hamming candidates that a two-stage search asks for",
      buckets: COUNTS,
      registers,
    }),
    results: new Histogram({
      name: "dafh_search_results",
      help: "Results of a search, or groups where it was grouped",
      labelNames: ["mode"],
      buckets: [0, ...COUNTS.slice(0, 10)],
      registers,
    }),
    uploadsInFlight: new Gauge({
      name: "dafh_uploads_in_flight",
      help: "Uploaded images held in memory",
      registers,
    }),
  };
}

export function observeStage({ stageSeconds }: GatewayMetrics, stage: Stage, milliseconds: number): void {
  stageSeconds.observe({ stage }, milliseconds / 1000);
}

/** Gauges of the parts below, looked at when Prometheus asks. */
function watchParts(registry: Registry, readiness: ReadinessProbe): void {
  const registers = [registry];
  new Gauge({
    name: "dafh_part_up",
    help: "1 where the part answers and fits, else 0",
    labelNames: ["part"],
    registers,
    async collect() {
      const { engine, encoder } = await readiness();
      this.set({ part: "engine" }, engine.ready ? 1 : 0);
      this.set({ part: "encoder" }, encoder.ready ? 1 : 0);
    },
  });
  new Gauge({
    name: "dafh_engine_points",
    help: "Points in the collection, by kind of engine and its status",
    labelNames: ["engine", "status"],
    registers,
    async collect() {
      const { engine } = await readiness();
      this.reset();
      if (engine.ready) this.set({ engine: engine.engine, status: engine.status }, engine.points);
    },
  });
}
