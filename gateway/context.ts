/** What every route is given, and what one request carries from the first middleware to its answer. */
import type { Response } from "express";
import type { Logger } from "pino";
import type { Catalogue } from "../catalogue/index.js";
import type { DeidentificationProfile } from "../encoder/index.js";
import type { DafhCollection } from "../plugin/index.js";
import type { Encoder, ErrorCode } from "../schemas/index.js";
import type { GatewayConfig } from "./config.js";
import type { InFlight } from "./in-flight.js";
import type { GatewayMetrics } from "./metrics.js";
import type { ReadinessProbe } from "./readiness.js";

export interface GatewayContext {
  readonly collection: DafhCollection;
  readonly encoder: Encoder;
  readonly catalogue: Catalogue;
  readonly profile: DeidentificationProfile;
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  readonly readiness: ReadinessProbe;
  readonly inFlight: InFlight;
}

/** The routes by name: bounded, so that they can be labels of metrics and lines of logs. */
export type RouteName =
  | "search"
  | "instance"
  | "preview"
  | "facets"
  | "openapi"
  | "healthz"
  | "readyz"
  | "metrics"
  | "page"
  | "other";

export interface RequestScope {
  readonly requestId: string;
  /** From `performance.now()`. */
  readonly startedAtMs: number;
  route: RouteName;
  /** Aborted by the request's deadline, by a client that went away, and by the gateway's end. */
  readonly abort: AbortController;
  errorCode?: ErrorCode;
}

/** Set on every response by the first middleware of the chain. */
export function scopeOf(response: Response): RequestScope {
  return response.locals.scope as RequestScope;
}

export function openScope(response: Response, scope: RequestScope): void {
  response.locals.scope = scope;
}
