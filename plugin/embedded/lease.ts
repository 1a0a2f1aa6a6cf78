/**
 * A lease on a running engine: an answer that never ends, kept open for as long as this process uses the engine. The
 * engine counts them; the system closes the connection when either process ends, so that each notices at once.
 */
import { type ClientRequest, type IncomingMessage, request } from "node:http";

/** Where a running engine says that it listens, and its key, which is another at every start. */
export interface Address {
  readonly port: number;
  readonly key: string;
}

/** What answered: this engine, with a lease; an engine that gives none now; or nothing of ours. */
export type LeaseAnswer =
  | { readonly kind: "granted"; readonly pid: number; readonly release: () => void }
  | { readonly kind: "refused"; readonly version: string; readonly leases: number }
  | { readonly kind: "nobody" };

const ANSWER_TIMEOUT_MS = 5_000;

/** Asks for a lease. `onLost` is called once if a granted lease ends without `release`. */
export function takeLease(address: Address, version: string, onLost: () => void): Promise<LeaseAnswer> {
  return new Promise((resolve) => {
    let held = false;
    let released = false;
    const asked = request({
      host: "127.0.0.1",
      port: address.port,
      path: `/embedded/lease?version=${encodeURIComponent(version)}`,
      headers: { "api-key": address.key },
      agent: false,
      timeout: ANSWER_TIMEOUT_MS,
    });
    const ended = (): void => {
      if (!held) resolve({ kind: "nobody" });
      else if (!released) {
        released = true;
        onLost();
      }
    };
    asked.on("timeout", () => {
      if (!held) asked.destroy();
    });
    // Not listening, another program's port, or an engine that ended: "close" follows in each case.
    asked.on("error", ended);
    asked.on("response", (response) => {
      response.on("error", ended);
      response.on("close", ended);
      if (response.statusCode !== 200 && response.statusCode !== 409) {
        asked.destroy();
        return;
      }
      readFirstLine(response, (line) => {
        const answer = parseIdentity(line);
        if (answer === undefined) {
          asked.destroy();
        } else if (response.statusCode === 409) {
          resolve({ kind: "refused", version: answer.version, leases: answer.leases });
          asked.destroy();
        } else {
          held = true;
          // A lease alone keeps no process alive.
          response.socket.unref();
          resolve({ kind: "granted", pid: answer.pid, release: () => end(asked) });
        }
      });
    });
    const end = (held: ClientRequest): void => {
      released = true;
      held.destroy();
    };
    asked.end();
  });
}

function readFirstLine(response: IncomingMessage, take: (line: string) => void): void {
  let text = "";
  let taken = false;
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    if (taken) return;
    text += chunk;
    const end = text.indexOf("\n");
    if (end < 0) return;
    taken = true;
    take(text.slice(0, end));
  });
}

function parseIdentity(line: string): { version: string; pid: number; leases: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // another program's answer
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { version, pid, leases } = value as Partial<Record<string, unknown>>;
  if (typeof version !== "string" || typeof pid !== "number" || typeof leases !== "number") return undefined;
  return { version, pid, leases };
}
