/** The one place where an error's code becomes an HTTP status. A code without a status does not compile. */
import type { ErrorCode } from "../schemas/index.js";

export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  // The image that was sent: understood, but of no use.
  FILE_UNREADABLE: 422,
  FILE_EMPTY: 422,
  FILE_TOO_LARGE: 413,
  NOT_DICOM: 415,
  UNSUPPORTED_IMAGE: 415,
  IMAGE_CORRUPT: 422,
  DICOM_TRUNCATED: 422,
  DICOM_CORRUPT: 422,
  DICOMDIR: 422,
  NO_PIXEL_DATA: 422,
  UNSUPPORTED_SOP_CLASS: 422,
  UNSUPPORTED_TRANSFER_SYNTAX: 422,
  UNSUPPORTED_PIXEL_FORMAT: 422,
  ATTRIBUTE_MISSING: 422,
  ATTRIBUTE_INVALID: 422,
  PIXEL_DATA_MISMATCH: 422,
  PIXEL_DATA_CORRUPT: 422,
  FRAME_OUT_OF_RANGE: 422,
  IMAGE_CONSTANT: 422,
  DECODE_TIMEOUT: 422,
  DECODER_CRASHED: 422,
  LIMIT_EXCEEDED: 422,
  DECOMPRESSION_RATIO: 422,
  SOP_INSTANCE_CONFLICT: 409,
  DIGEST_MISMATCH: 422,
  BURNED_IN_TEXT: 422,
  // The request itself.
  BAD_REQUEST: 400,
  NO_QUERY: 400,
  SEVERAL_QUERIES: 400,
  BAD_FILTER: 400,
  UNKNOWN_FIELD: 400,
  BAD_OPTION: 400,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  HOST_NOT_ALLOWED: 421,
  INSTANCE_NOT_FOUND: 404,
  PREVIEW_NOT_FOUND: 404,
  // What this gateway stands on.
  COLLECTION_MISSING: 503,
  COLLECTION_MISMATCH: 503,
  MODEL_MISMATCH: 409,
  ENGINE_REJECTED: 502,
  ENGINE_UNAVAILABLE: 503,
  ENGINE_NOT_INSTALLED: 503,
  PYTHON_MISSING: 503,
  ENCODER_UNAVAILABLE: 503,
  OVERLOADED: 503,
  TIMEOUT: 504,
  MODEL_UNREADABLE: 503,
  DISK_FULL: 507,
  INTERNAL: 500,
};

/** Statuses after which the same request may succeed, and so carry Retry-After. */
export function retryAfterSeconds(code: ErrorCode): number | undefined {
  switch (HTTP_STATUS[code]) {
    case 503:
      return 2;
    default:
      return undefined;
  }
}
