/**
 * The image in a request: the body itself, or the one file of a multipart form. Bounds each body, and what all bodies
 * together may hold in memory; what the bytes are is for the encoder to find out.
 */
import type { Request, Response } from "express";
import multer from "multer";
import { DafhError } from "../../schemas/index.js";

const RAW_TYPES = ["application/dicom", "application/octet-stream", "image/png", "image/jpeg"];

export interface BodyLimits {
  /** Bytes of one body. */
  readonly bodyBytes: number;
  /** Bytes of all bodies that are being received or encoded. */
  readonly bufferedBytes: number;
}

export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #multipart: ReturnType<ReturnType<typeof multer>["any"]>;
  #bufferedBytes = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
    const oneFile = { files: 1, fields: 0, fileSize: limits.bodyBytes };
    this.#multipart = multer({ storage: multer.memoryStorage(), limits: oneFile }).any();
  }

  /**
   * Reads the image and hands it to `use`; its bytes count as held until `use` is done.
   * @throws DafhError BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE or OVERLOADED
   */
  async withImage<Result>(
    request: Request,
    response: Response,
    use: (bytes: Uint8Array) => Promise<Result>,
  ): Promise<Result> {
    const multipart = request.is("multipart/form-data") !== false && request.is("multipart/form-data") !== null;
    const expectedBytes = this.#expect(request, multipart);
    this.#bufferedBytes += expectedBytes;
    try {
      const bytes = await (multipart ? this.#readMultipart(request, response) : this.#readRaw(request)).catch(
        asBodyFault,
      );
      if (bytes.byteLength === 0) throw new DafhError("BAD_REQUEST", "the request has no image");
      return await use(bytes);
    } finally {
      this.#bufferedBytes -= expectedBytes;
    }
  }

  /** Everything that the headers alone can refuse. @returns how many bytes to count the body as */
  #expect(request: Request, multipart: boolean): number {
    const { bodyBytes, bufferedBytes } = this.#limits;
    const type = request.headers["content-type"];
    if (!multipart && !RAW_TYPES.includes(mediaType(type))) {
      const accepted = [...RAW_TYPES, "multipart/form-data"].join(", ");
      throw new DafhError(
        "UNSUPPORTED_MEDIA_TYPE",
        `the content type is ${type ?? "missing"}; send one of ${accepted}`,
      );
    }
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding !== "identity") {
      throw new DafhError("UNSUPPORTED_MEDIA_TYPE", `the content encoding is ${encoding}; send the bytes as they are`);
    }
    const stated = request.headers["content-length"];
    const expected = stated === undefined ? bodyBytes : Number(stated);
    if (expected > bodyBytes) throw tooLarge(bodyBytes);
    if (this.#bufferedBytes + expected > bufferedBytes) {
      throw new DafhError("OVERLOADED", `bodies of ${this.#bufferedBytes} bytes are being encoded already`);
    }
    return expected;
  }

  /** Piece by piece into its final place: joining 100 MB at the end would hold the event loop. */
  #readRaw(request: Request): Promise<Uint8Array> {
    const { bodyBytes } = this.#limits;
    const stated = request.headers["content-length"];
    let body = new Uint8Array(stated === undefined ? 64 * 1024 : Number(stated));
    let length = 0;
    return new Promise((resolve, reject) => {
      request.on("data", (chunk: Buffer) => {
        const needed = length + chunk.length;
        if (needed > bodyBytes) {
          // The rest still comes in and is dropped: left unread, it would block the connection for the next request.
          body = new Uint8Array();
          length = Number.POSITIVE_INFINITY;
          reject(tooLarge(bodyBytes));
          return;
        }
        if (needed > body.length) {
          const larger = new Uint8Array(Math.max(needed, 2 * body.length));
          larger.set(body);
          body = larger;
        }
        body.set(chunk, length);
        length = needed;
      });
      request.on("end", () => resolve(length === body.length ? body : body.slice(0, length)));
      request.on("error", reject);
    });
  }

  async #readMultipart(request: Request, response: Response): Promise<Uint8Array> {
    await new Promise<void>((resolve, reject) => {
      this.#multipart(request, response, (error: unknown) => (error === undefined ? resolve() : reject(error)));
    });
    const files = Array.isArray(request.files) ? request.files : [];
    const [file] = files;
    if (file === undefined) throw new DafhError("BAD_REQUEST", "the form has no file");
    return file.buffer;
  }
}

/** What the parsers throw besides their limits means that the body broke off or is no form. */
function asBodyFault(thrown: unknown): never {
  if (thrown instanceof DafhError || thrown instanceof multer.MulterError) throw thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  throw new DafhError("BAD_REQUEST", `the body cannot be read to its end: ${reason}`, {}, { cause: thrown });
}

function mediaType(header: string | undefined): string {
  return (header ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function tooLarge(limit: number): DafhError {
  return new DafhError("BODY_TOO_LARGE", `the body has more than ${limit} bytes`);
}
