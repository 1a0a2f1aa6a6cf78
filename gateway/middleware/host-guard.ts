/**
 * Keeps other sites' pages out of a gateway on this machine: a page whose name was rebound to 127.0.0.1 still sends
 * its own name in Host, and a form posted from another site says so in Sec-Fetch-Site. Neither may reach a route.
 */
import type { RequestHandler } from "express";
import { DafhError } from "../../schemas/index.js";
import type { GatewayConfig } from "../config.js";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

export function hostGuard({ host, allowedHosts }: GatewayConfig): RequestHandler {
  const checked = LOOPBACK.has(host) || allowedHosts.length > 0;
  const allowed = new Set([...LOOPBACK, ...allowedHosts.map((name) => name.toLowerCase())]);
  return (request, _response, next) => {
    if (checked && !allowed.has(hostName(request.headers.host))) {
      throw new DafhError("HOST_NOT_ALLOWED", "The Host header names a host that this gateway does not answer for.");
    }
    const followedLink = request.method === "GET" && request.get("sec-fetch-mode") === "navigate";
    if (request.get("sec-fetch-site") === "cross-site" && !followedLink) {
      throw new DafhError("HOST_NOT_ALLOWED", "The request comes from another site's page.");
    }
    next();
  };
}

/** The name without its port: "[::1]:8080" → "::1". Any port is right: an SSH tunnel may change it. */
function hostName(header: string | undefined): string {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*))(?::\d*)?$/.exec(header ?? "");
  return (match?.[1] ?? match?.[2] ?? "").toLowerCase();
}
