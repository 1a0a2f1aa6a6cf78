/** Errors as the encoder service answers them: a status for each code, and the body. */
import { MulterError } from "multer";
import { asDafhError, DafhError, ERRORS, type ErrorCode } from "../../schemas/index.js";

const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  BAD_OPTION: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  FILE_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TIMEOUT: 504,
};

export function httpStatus(code: ErrorCode): number {
  const { kind } = ERRORS[code];
  switch (kind) {
    case "input":
      // What is left are faults of the file: the request was understood, its content cannot be encoded.
      return STATUS[code] ?? 422;
    case "service":
    case "state":
      return STATUS[code] ?? 503;
    case "internal":
      return 500;
  }
}

/** What Express, its body parsers and our own parts throw, as one of the table. */
export function asHttpError(thrown: unknown): DafhError {
  if (thrown instanceof MulterError) return multipartError(thrown);
  if (isHttpError(thrown)) {
    return new DafhError("BAD_REQUEST", `the request cannot be understood: ${thrown.message}`, {}, { cause: thrown });
  }
  return asDafhError(thrown);
}

function multipartError(error: MulterError): DafhError {
  const cause = { cause: error };
  if (error.code === "LIMIT_FILE_SIZE") return new DafhError("BODY_TOO_LARGE", "the file exceeds the limit", {}, cause);
  if (error.code === "LIMIT_FILE_COUNT") return new DafhError("BAD_REQUEST", "send one file, not several", {}, cause);
  return new DafhError("BAD_REQUEST", `the multipart body cannot be used: ${error.message}`, {}, cause);
}

/** Express and its parsers mark faults of the request by a status of 400 to 499. */
function isHttpError(thrown: unknown): thrown is Error {
  if (!(thrown instanceof Error) || !("status" in thrown)) return false;
  return typeof thrown.status === "number" && thrown.status >= 400 && thrown.status < 500;
}
