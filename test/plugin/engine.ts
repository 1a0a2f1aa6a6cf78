/**
 * Where the plugin's tests run: a real embedded engine in a folder of its own, or, for what any Qdrant must do, the server
 * that QDRANT_URL names (and QDRANT_API_KEY opens). Each with a way to ask it past the plugin.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QdrantClient } from "@qdrant/js-client-rest";
import { openEmbeddedEngine } from "../../plugin/embedded/index.js";
import type { ConnectionOptions } from "../../plugin/index.js";
import { DafhError, type ErrorCode } from "../../schemas/index.js";

/** Any Qdrant. */
export interface TestTarget {
  readonly connection: ConnectionOptions;
  /** Of the collection to use: on a server that others use too, one of its own. */
  readonly name: string;
  /** Qdrant's own client, past everything of ours. */
  readonly client: QdrantClient;
  /** Leaves nothing behind. */
  close(): Promise<void>;
}

export interface TestEngine extends TestTarget {
  readonly dataDir: string;
  readonly url: string;
  readonly apiKey: string;
}

/** The embedded engine, and a real server where one is named. */
export const TARGETS: readonly { readonly what: string; open(): Promise<TestTarget> }[] = [
  { what: "the embedded engine", open: openTestEngine },
  ...serverTargets(process.env.QDRANT_URL, process.env.QDRANT_API_KEY),
];

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "dafh-plugin-"));
}

export async function openTestEngine(folder?: string): Promise<TestEngine> {
  const dataDir = folder ?? (await temporaryFolder());
  const engine = await openEmbeddedEngine({ dataDir });
  const { url, apiKey } = await engine.endpoint();
  return {
    dataDir,
    url,
    apiKey,
    connection: { dataDir },
    name: "dafh",
    client: openClient(url, apiKey),
    close: async () => {
      await engine.release();
      // An engine that was killed, or is ending, may still have a file open.
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

function serverTargets(url: string | undefined, apiKey: string | undefined) {
  if (url === undefined) return [];
  const open = async (): Promise<TestTarget> => {
    const client = openClient(url, apiKey);
    const name = `dafh-test-${randomUUID()}`;
    const connection = apiKey === undefined ? { url } : { url, apiKey };
    return { connection, name, client, close: async () => void (await client.deleteCollection(name)) };
  };
  return [{ what: "the server at QDRANT_URL", open }];
}

function openClient(url: string, apiKey: string | undefined): QdrantClient {
  const headers = { "accept-encoding": "identity", ...(apiKey === undefined ? {} : { "api-key": apiKey }) };
  return new QdrantClient({ url, headers, checkCompatibility: false });
}

/** For assert.rejects: a DafhError with that code, whose message matches. */
export function errorOf(code: ErrorCode, words = /./): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof DafhError) || error.code !== code || !words.test(error.message)) throw error;
    return true;
  };
}
