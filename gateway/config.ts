/** The gateway's settings and their defaults. `cli/config.ts` reads them from the environment; nothing here does. */
export interface GatewayConfig {
  /** Loopback unless told: there is no sign-in yet, so who reaches the port can search. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Names beside loopback's own that a Host header may hold; empty on another address = any. */
  readonly allowedHosts: readonly string[];
  readonly maxUploadBytes: number;
  /** After inflating. */
  readonly maxJsonBytes: number;
  /** From the request's headers to its answer. */
  readonly requestTimeoutMs: number;
  /** Uploads that are held in memory at one time; one more is refused with OVERLOADED. */
  readonly concurrentUploads: number;
  /** Of one address, for searches and facets; 0 = no limit. */
  readonly requestsPerMinute: number;
  /** How long `close` lets requests in flight go on. */
  readonly shutdownGraceMs: number;
}

const MEBIBYTE = 1024 * 1024;

export const GATEWAY_DEFAULTS: GatewayConfig = {
  host: "127.0.0.1",
  port: 8080,
  allowedHosts: [],
  maxUploadBytes: 256 * MEBIBYTE,
  maxJsonBytes: MEBIBYTE,
  requestTimeoutMs: 30_000,
  concurrentUploads: 16,
  requestsPerMinute: 600,
  shutdownGraceMs: 10_000,
};
