/** Requests that fetch would not send: any Host, any length, a body without end, half a body. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Bytes of the request's body that went out before the answer was there. */
  readonly sent: number;
}

interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written until the answer comes or the connection ends. */
  readonly body?: Iterable<Uint8Array>;
}

export function rawRequest(
  url: string,
  { method = "POST", path = "/v1/search", headers = {}, body }: RawRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(path, url), { method, headers, agent: false });
    let sent = 0;
    let answered = false;
    request.on("response", (response) => {
      answered = true;
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0, headers: received } = response;
        resolve({ status: statusCode, headers: received, body: Buffer.concat(parts).toString("utf8"), sent });
        request.destroy();
      });
    });
    // After the answer the server may cut the connection while the body still goes out.
    request.on("error", (fault) => {
      if (!answered) reject(fault);
    });
    if (body === undefined) {
      request.end();
      return;
    }
    const chunks = body[Symbol.iterator]();
    const write = () => {
      while (!answered && !request.destroyed) {
        const { value, done } = chunks.next();
        if (done === true) {
          request.end();
          return;
        }
        sent += value.length;
        if (!request.write(value)) {
          request.once("drain", write);
          return;
        }
      }
    };
    write();
  });
}

export interface HeldUpload {
  readonly answer: Promise<RawAnswer>;
  /** Sends the rest. */
  finish(): void;
  /** Goes away without an answer, which is then rejected. */
  leave(): void;
}

/** A form with an image of which the last bytes are held back. */
export function heldUpload(url: string, image: Uint8Array): HeldUpload {
  const head = '--b\r\ncontent-disposition: form-data; name="image"; filename="x"\r\n\r\n';
  const whole = Buffer.concat([Buffer.from(head), image, Buffer.from("\r\n--b--\r\n")]);
  const headers = { "content-type": "multipart/form-data; boundary=b", "content-length": String(whole.length) };
  const request = httpRequest(new URL("/v1/search", url), { method: "POST", headers, agent: false });
  const answer = new Promise<RawAnswer>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      const body = Buffer.concat(parts).toString("utf8");
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, sent: whole.length });
      request.destroy();
    });
  });
  request.write(whole.subarray(0, -64));
  return { answer, finish: () => request.end(whole.subarray(-64)), leave: () => request.destroy() };
}

/** The start of a form with an image, and then `megabytes` of it; never its end. */
export function* endlessForm(boundary: string, megabytes: number): Generator<Uint8Array> {
  yield Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="x"\r\ncontent-type: application/dicom\r\n\r\n`,
  );
  const block = Buffer.alloc(1024 * 1024, 7);
  for (let at = 0; at < megabytes; at++) yield block;
}
