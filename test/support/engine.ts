/**
 * Engines for tests: the embedded one in a data folder of its own, and the Qdrant server that QDRANT_URL names. Every
 * test that needs an engine takes it from here and closes it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QdrantClient } from "@qdrant/js-client-rest";
import { openEmbeddedEngine } from "../../plugin/embedded/index.js";

export interface RunningEngine {
  readonly client: QdrantClient;
  readonly url: string;
  readonly apiKey: string | undefined;
  close(): Promise<void>;
}

export interface EngineKind {
  readonly name: string;
  open(): Promise<RunningEngine>;
}

/** Every engine that this run can reach: always the embedded one, and a server where QDRANT_URL is set. */
export function reachableEngines(): EngineKind[] {
  const url = process.env.QDRANT_URL;
  const embedded: EngineKind = { name: "the embedded engine", open: openEmbedded };
  if (url === undefined || url === "") return [embedded];
  return [embedded, { name: `the server ${url}`, open: async () => openServer(url, process.env.QDRANT_API_KEY) }];
}

/** The embedded engine in a new folder that `close` removes. */
export async function openEmbedded(): Promise<RunningEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), "dafh-test-"));
  const engine = await openEmbeddedEngine({ dataDir, lingerMs: 200 });
  const { url, apiKey } = await engine.endpoint();
  return {
    client: connect(url, apiKey),
    url,
    apiKey,
    close: async () => {
      await engine.release();
      await engineGone(url);
      // It listens no longer, and may still be putting its collections on disk.
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

function openServer(url: string, apiKey: string | undefined): RunningEngine {
  return { client: connect(url, apiKey), url, apiKey, close: async () => {} };
}

function connect(url: string, apiKey: string | undefined): QdrantClient {
  const key = apiKey === undefined ? {} : { "api-key": apiKey };
  return new QdrantClient({ url, checkCompatibility: false, headers: { ...key, "accept-encoding": "identity" } });
}

/** Resolves when nothing answers there any more. */
export async function engineGone(url: string, withinMs = 15_000): Promise<void> {
  const begun = performance.now();
  while (performance.now() - begun < withinMs) {
    try {
      await fetch(`${url}/healthz`);
    } catch {
      return; // nobody listens: what is waited for
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`The engine at ${url} still answers after ${withinMs} ms.`);
}
