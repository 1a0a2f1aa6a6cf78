/**
 * Reads a request's body into plain values, within limits that hold while it arrives: by its stated length before a
 * byte is read, by what did arrive, and by what it inflates to. What the values mean is for `mapping/`.
 */
import type { IncomingMessage } from "node:http";
import type { Request, Response } from "express";
import express from "express";
import multer from "multer";
import { DafhError } from "../../schemas/index.js";

/** A multipart body: text fields as they came, and the one image. */
export interface Form {
  readonly fields: Readonly<Record<string, string | readonly string[]>>;
  readonly image?: Uint8Array;
}

/** Fields of a search are short; a filter is the longest. */
const FORM_LIMITS = { files: 1, fields: 64, parts: 65, fieldSize: 64 * 1024, fieldNameSize: 64, fieldNestingDepth: 1 };
/** Boundaries, part headers and fields around the image. */
const FORM_OVERHEAD_BYTES = 512 * 1024;

/** @throws DafhError BODY_TOO_LARGE, SEVERAL_QUERIES, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST */
export function readForm(request: Request, response: Response, maxUploadBytes: number): Promise<Form> {
  const encoding = request.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new DafhError("UNSUPPORTED_MEDIA_TYPE", "A multipart body must come without Content-Encoding.");
  }
  const maxBodyBytes = maxUploadBytes + FORM_OVERHEAD_BYTES;
  refuseByLength(request, maxBodyBytes);
  const read = multer({
    storage: multer.memoryStorage(),
    limits: { ...FORM_LIMITS, fileSize: maxUploadBytes },
  }).single("image");
  return new Promise((resolve, reject) => {
    let arrived = 0;
    // Beside multer, which on an error waits for the end of the body: a body without end has none.
    request.on("data", (chunk: Buffer) => {
      arrived += chunk.length;
      if (arrived > maxBodyBytes) reject(tooLarge(maxBodyBytes));
    });
    read(request, response, (fault: unknown) => {
      if (fault !== undefined && fault !== null) return reject(formFault(fault, maxUploadBytes));
      const fields = (request.body ?? {}) as Form["fields"];
      return resolve(request.file === undefined ? { fields } : { fields, image: request.file.buffer });
    });
  });
}

/** @throws what body-parser throws, which `bodyFault` turns into the error table's codes; BODY_TOO_LARGE */
export function readJson(request: Request, response: Response, maxJsonBytes: number): Promise<unknown> {
  refuseByLength(request, maxJsonBytes);
  const read = express.json({ limit: maxJsonBytes, strict: true, type: "application/json" });
  return new Promise((resolve, reject) => {
    read(request, response, (fault: unknown) =>
      fault === undefined || fault === null ? resolve(request.body) : reject(jsonFault(fault, maxJsonBytes)),
    );
  });
}

/** Is the stated length more than any route takes? Asked before "100 Continue" invites the body. */
export function statedLength(request: IncomingMessage): number {
  return Number(request.headers["content-length"] ?? 0);
}

function refuseByLength(request: IncomingMessage, limit: number): void {
  if (statedLength(request) > limit) throw tooLarge(limit);
}

function tooLarge(limit: number): DafhError {
  return new DafhError("BODY_TOO_LARGE", `The body is larger than ${limit} bytes.`);
}

function formFault(fault: unknown, maxUploadBytes: number): DafhError {
  const options = { cause: fault };
  if (!(fault instanceof multer.MulterError)) {
    return new DafhError("BAD_REQUEST", "The multipart body is malformed or ended early.", {}, options);
  }
  switch (fault.code) {
    case "LIMIT_FILE_SIZE":
      return new DafhError("BODY_TOO_LARGE", `The image is larger than ${maxUploadBytes} bytes.`, {}, options);
    case "LIMIT_FILE_COUNT":
    case "LIMIT_PART_COUNT":
      return new DafhError("SEVERAL_QUERIES", "The form has more than one file.", { field: "image" }, options);
    case "LIMIT_UNEXPECTED_FILE":
      return fault.field === "image"
        ? new DafhError("SEVERAL_QUERIES", "The form has more than one image.", { field: "image" }, options)
        : new DafhError("BAD_REQUEST", "The form has a file in a field other than image.", {}, options);
    default:
      return new DafhError("BAD_REQUEST", `The form cannot be taken: ${fault.message.toLowerCase()}.`, {}, options);
  }
}

function jsonFault(fault: unknown, maxJsonBytes: number): DafhError {
  const { type } = fault as { readonly type?: unknown };
  const options = { cause: fault };
  switch (type) {
    case "entity.too.large":
      return new DafhError("BODY_TOO_LARGE", `The body is larger than ${maxJsonBytes} bytes.`, {}, options);
    case "encoding.unsupported":
    case "charset.unsupported":
      return new DafhError("UNSUPPORTED_MEDIA_TYPE", "The body's encoding is not one that is read here.", {}, options);
    case "entity.parse.failed":
      return new DafhError("BAD_REQUEST", "The body is not JSON.", {}, options);
    default:
      return new DafhError("BAD_REQUEST", "The body cannot be read.", {}, options);
  }
}
