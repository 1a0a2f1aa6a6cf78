/**
 * The one way to Qdrant: a server by its address, or the embedded engine of a data folder. Keeps one client, finds an
 * engine that came up elsewhere, and sends every call through `retry.ts`. What is sent is the callers' matter.
 */
import { QdrantClient } from "@qdrant/js-client-rest";
import { Agent, fetch } from "undici";
import { DafhError } from "../../schemas/index.js";
import { type EmbeddedEngine, openEmbeddedEngine } from "../embedded/index.js";
import { type Attempt, OPTIMIZE, READ, type RetryPolicy, retrying } from "./retry.js";

/**
 * A Qdrant server or cluster, 1.16 or newer (`http://host:6333`; port 6333 where the URL names none), or the embedded
 * engine that keeps its data in that folder.
 */
export type ConnectionOptions = { readonly url: string; readonly apiKey?: string } | { readonly dataDir: string };

/** Qdrant's REST API, typed, one function a route. */
type QdrantApi = ReturnType<QdrantClient["api"]>;

export interface Answer<Result> {
  readonly result: Result;
  /** Time inside Qdrant, as it reports. */
  readonly engineMs: number;
}

type Call<Result> = (
  api: QdrantApi,
  init: RequestInit,
) => Promise<{ readonly data: { readonly result?: Result; readonly time?: number } }>;

interface Endpoint {
  readonly api: QdrantApi;
  readonly address: string;
}

export class Connection {
  /** The client in use, or being made; null until the first call and after one that reached nobody. */
  private endpoint: Promise<Endpoint> | null = null;
  private closed = false;

  private constructor(
    readonly engine: "embedded" | "server",
    private readonly locate: () => Promise<{ url: string; apiKey?: string }>,
    private readonly release: () => Promise<void>,
  ) {}

  /** @throws DafhError BAD_OPTION for a URL that is none; whatever opening the embedded engine throws */
  static async open(options: ConnectionOptions): Promise<Connection> {
    if ("dataDir" in options) {
      const engine: EmbeddedEngine = await openEmbeddedEngine({ dataDir: options.dataDir });
      return new Connection(
        "embedded",
        () => engine.endpoint(),
        () => engine.release(),
      );
    }
    parseAddress(options.url);
    return new Connection(
      "server",
      async () => options,
      async () => {},
    );
  }

  /** @throws DafhError; see `retrying` and `readEngineFault` */
  async send<Result>(call: Call<Result>, policy: RetryPolicy, signal?: AbortSignal): Promise<Answer<Result>> {
    if (this.closed)
      throw new DafhError("INTERNAL", "The collection was asked for something after it had been closed.");
    return retrying(() => this.nextAttempt(call), policy, signal);
  }

  /** Qdrant's version. */
  async version(): Promise<string> {
    const call: Call<string> = async (api, init) => ({ data: { result: (await api.root({}, init)).data.version } });
    return (await this.send(call, READ)).result;
  }

  /**
   * Has the embedded engine merge a collection's segments, or make them anew from the points, and waits. Its own
   * routes: a server merges unasked and has none, hence no function of the client.
   */
  async upkeep(name: string, work: "optimize" | "rebuild"): Promise<void> {
    const call: Call<boolean> = async (_, { signal }) => {
      const { url, apiKey = "" } = await this.locate();
      const headers = { "api-key": apiKey };
      const route = `${url}/embedded/collections/${encodeURIComponent(name)}/${work}`;
      // The answer comes when it is done, and Node's own fetch would wait for its head five minutes at most.
      const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
      try {
        const response = await fetch(route, { method: "POST", headers, signal: signal ?? null, dispatcher });
        const data = (await response.json()) as { result?: boolean };
        if (!response.ok) throw Object.assign(new Error(response.statusText), { status: response.status, data });
        return { data };
      } finally {
        await dispatcher.destroy();
      }
    };
    await this.send(call, OPTIMIZE);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.endpoint = null;
    await this.release();
  }

  private async nextAttempt<Result>(call: Call<Result>): Promise<Attempt<Answer<Result>>> {
    this.endpoint ??= this.locate().then(connect);
    const endpoint = this.endpoint;
    const { api, address } = await endpoint.catch((thrown: unknown) => {
      this.forget(endpoint);
      throw thrown;
    });
    return {
      address,
      run: async (signal) => {
        const { data } = await call(api, { signal });
        if (data.result === undefined) throw new DafhError("ENGINE_REJECTED", `Qdrant at ${address} gave no result.`);
        return { result: data.result, engineMs: (data.time ?? 0) * 1000 };
      },
      // An embedded engine that is not where it was is looked up anew (which starts it again), whatever ended it.
      onFault: (fault) => {
        if (this.engine === "server" || !fault.unreachable) return fault;
        this.forget(endpoint);
        return { ...fault, retryable: true };
      },
    };
  }

  /** Unless another call has found the way anew in the meantime. */
  private forget(endpoint: Promise<Endpoint>): void {
    if (this.endpoint === endpoint) this.endpoint = null;
  }
}

function connect(options: { readonly url: string; readonly apiKey?: string }): Endpoint {
  const { host, port, https, prefix } = parseAddress(options.url);
  const client = new QdrantClient({
    host,
    port,
    https,
    prefix,
    // Its constructor would ask the server for a version in the background and print to the console.
    checkCompatibility: false,
    // Its time-out replaces the caller's signal; `retry.ts` has its own.
    timeout: Number.POSITIVE_INFINITY,
    headers: {
      // A compressed answer of a nearby server costs 40 ms instead of 3.
      "accept-encoding": "identity",
      // As a header, not as `apiKey`: that prints a warning for plain HTTP even to this machine itself.
      ...(options.apiKey === undefined ? {} : { "api-key": options.apiKey }),
    },
  });
  return { api: client.api(), address: `${host}:${port}` };
}

/** Taken apart here because the client drops a path in silence and takes port 80 or 443, spelled out, for 6333. */
function parseAddress(url: string): { host: string; port: number; https: boolean; prefix: string } {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new DafhError("BAD_OPTION", "The address of Qdrant must be a URL such as http://localhost:6333.");
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new DafhError("BAD_OPTION", "The address of Qdrant holds a user or a password: give the API key by itself.");
  }
  const port = /^\w+:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(url)?.[1];
  return {
    host: parsed.hostname,
    port: port === undefined ? 6333 : Number(port),
    https: parsed.protocol === "https:",
    prefix: parsed.pathname.replace(/\/+$/, ""),
  };
}
