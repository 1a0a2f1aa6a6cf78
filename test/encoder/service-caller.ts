/** Calls an encoder service as a plain HTTP client does, for its tests. */
import assert from "node:assert/strict";
import { ERRORS, type ErrorCode } from "../../schemas/index.js";

export interface Answer {
  readonly status: number;
  /** The tests say what they expect of it. */
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export const DICOM = { "content-type": "application/dicom" };
export const PNG = { "content-type": "image/png" };

export async function readAnswer(response: Response): Promise<Answer> {
  return { status: response.status, body: JSON.parse(await response.text()), headers: response.headers };
}

export async function get(url: string): Promise<Answer> {
  return readAnswer(await fetch(url));
}

export async function post(
  url: string,
  body: RequestInit["body"],
  headers: Record<string, string> = {},
): Promise<Answer> {
  const streamed = body instanceof ReadableStream ? { duplex: "half" as const } : {};
  return readAnswer(await fetch(url, { method: "POST", body: body ?? null, headers, ...streamed }));
}

/** A form with a file field for each of `files`, under names that must not show up anywhere. */
export function form(...files: readonly Uint8Array<ArrayBuffer>[]): FormData {
  const data = new FormData();
  for (const file of files) data.append("file", new Blob([file]), "ROE^RICHARD.dcm");
  return data;
}

export function assertRefused({ status, body }: Answer, expectedStatus: number, expectedCode: ErrorCode): void {
  const { error } = body as { error: { code: ErrorCode; message: string; wayOut: string } };
  assert.deepEqual({ status, code: error.code }, { status: expectedStatus, code: expectedCode });
  assert.equal(error.wayOut, ERRORS[expectedCode].wayOut);
  assert.ok(error.message.length > 0);
}
