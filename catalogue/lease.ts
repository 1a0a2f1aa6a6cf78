/**
 * One holder at a time among the processes on a data folder, without blocking any event loop: a lease kept in LMDB,
 * renewed while it is held, free again when its holder is gone. What is done under it is the caller's matter.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "lmdb";

export interface Lease {
  /** One acquisition: also tells two holders in one process apart. */
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  readonly expiresAtMs: number;
}

/** Long enough that a live holder, which renews every fifth of it, does not lose the lease to a busy machine. */
const LEASE_MS = 60_000;
const RETRY_MS = { least: 4, spread: 12 };

/** @returns a function that runs its argument while it alone holds the lease of that name */
export function leaseHolder(leases: Database<Lease, string>, name: string) {
  return async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const holder = randomUUID();
    const lease = (): Lease => ({
      holder,
      host: hostname(),
      pid: process.pid,
      expiresAtMs: Date.now() + LEASE_MS,
    });
    const take = () =>
      leases.transaction(() => {
        const current = leases.get(name);
        if (current !== undefined && isHeld(current)) return false;
        leases.put(name, lease());
        return true;
      });
    while (!(await take())) await delay(RETRY_MS.least + Math.random() * RETRY_MS.spread);
    const renew = () =>
      leases.transaction(() => {
        if (leases.get(name)?.holder === holder) leases.put(name, lease());
      });
    // A renewal that fails (a full disk) is not the end: the lease outlives four, and the work's own writes will say so.
    const renewal = setInterval(() => renew().catch(() => undefined), LEASE_MS / 5);
    try {
      return await work();
    } finally {
      clearInterval(renewal);
      await leases.transaction(() => {
        if (leases.get(name)?.holder === holder) leases.remove(name);
      });
    }
  };
}

/**
 * A holder on this host is asked for by its process id, so that a killed one frees the lease at once. Another host (a
 * container on the same folder has its own process ids) is believed until its lease runs out.
 */
function isHeld(lease: Lease): boolean {
  if (lease.expiresAtMs <= Date.now()) return false;
  if (lease.host !== hostname()) return true;
  try {
    process.kill(lease.pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: the process is there but belongs to another user.
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}
