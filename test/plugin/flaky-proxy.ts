/**
 * An HTTP proxy before a real engine that misbehaves as told, one fault a request in the order given, and then passes
 * everything through. So the tests see the plugin retry against the real thing.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Fault =
  /** The connection breaks before the engine sees the request. */
  | "reset"
  /** The engine does what was asked, and the connection breaks before it can say so. */
  | "answer-lost"
  /** The answer breaks off in its middle. */
  | "answer-cut"
  /** Nothing ever comes back. */
  | "hang"
  | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };

export interface FlakyProxy {
  readonly url: string;
  /** Faults still to come. */
  faults: Fault[];
  /** Requests seen: method and path. */
  readonly requests: string[];
  close(): Promise<void>;
}

export async function openFlakyProxy(target: string): Promise<FlakyProxy> {
  const server = createServer((incoming, outgoing) => {
    proxy.requests.push(`${incoming.method} ${incoming.url}`);
    const fault = proxy.faults.shift();
    if (fault === "reset") incoming.socket.destroy();
    else if (fault === "hang") incoming.resume();
    else if (typeof fault === "object") {
      incoming.resume();
      outgoing.writeHead(fault.status, { "content-type": "application/json", ...fault.headers }).end(fault.body);
    } else pass(target, incoming, outgoing, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // A TCP server's address is never a string.
  const proxy: FlakyProxy = {
    url: `http://127.0.0.1:${port}`,
    faults: [],
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

function pass(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: "answer-lost" | "answer-cut" | undefined,
): void {
  const options = { method: incoming.method, headers: incoming.headers, agent: false };
  const onward = request(new URL(incoming.url ?? "/", target), options, async (answer) => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (fault === "answer-lost") return incoming.socket.destroy();
    outgoing.writeHead(answer.statusCode ?? 502, {
      "content-type": answer.headers["content-type"] ?? "",
      "content-length": body.length,
    });
    if (fault === undefined) return outgoing.end(body);
    outgoing.write(body.subarray(0, body.length / 2), () => incoming.socket.destroy());
  });
  onward.on("error", () => incoming.socket.destroy());
  incoming.pipe(onward);
}
