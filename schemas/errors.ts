/**
 * The one table of errors: what can go wrong, what it means and what to do about it. Every other folder throws
 * `DafhError` with a code of this table; the gateway alone maps a code to an HTTP status. `docs/errors.md` repeats
 * the table for readers and a test holds the two together.
 */

/** `kind`: `input` = the file, request or option is at fault; `state` = what is stored is at odds with what is asked; `service` = a part we depend on failed, trying again may help. */
type ErrorKind = "input" | "state" | "service" | "internal";

interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly meaning: string;
  readonly wayOut: string;
}

const entry = (kind: ErrorKind, meaning: string, wayOut: string): ErrorEntry => ({ kind, meaning, wayOut });

export const ERRORS = {
  // Files
  FILE_UNREADABLE: entry(
    "input",
    "The file could not be opened or read.",
    "Check that it exists and that you may read it.",
  ),
  FILE_EMPTY: entry("input", "The file has no bytes.", "Transfer or export it again."),
  FILE_TOO_LARGE: entry(
    "input",
    "The file is larger than the limit.",
    "Split it into smaller files, such as one a frame.",
  ),
  NOT_DICOM: entry(
    "input",
    "The bytes are not DICOM (no Part 10 header and no dataset that can be read).",
    "Give a DICOM file.",
  ),
  UNSUPPORTED_IMAGE: entry(
    "input",
    "The bytes are neither DICOM nor a PNG or JPEG image.",
    "Give a DICOM, PNG or JPEG file.",
  ),
  IMAGE_CORRUPT: entry("input", "The PNG or JPEG image cannot be decoded.", "Export the image again."),
  // DICOM structure
  DICOM_TRUNCATED: entry(
    "input",
    "The file ends inside its dataset or its pixel data.",
    "Transfer or export it again.",
  ),
  DICOM_CORRUPT: entry(
    "input",
    "The dataset breaks the encoding rules and cannot be read.",
    "Export it again from its source.",
  ),
  DICOMDIR: entry("input", "This is a DICOMDIR: an index of files, not an image.", "Give the folder that it indexes."),
  NO_PIXEL_DATA: entry("input", "The object has no pixel data.", "Give an image object."),
  UNSUPPORTED_SOP_CLASS: entry(
    "input",
    "The object is not an image of a kind that can be searched by appearance (for example SR, RT, SEG).",
    "Give CT, MR or PET images.",
  ),
  UNSUPPORTED_TRANSFER_SYNTAX: entry(
    "input",
    "The transfer syntax is not one that can be decoded.",
    "Convert the file to another transfer syntax.",
  ),
  UNSUPPORTED_PIXEL_FORMAT: entry(
    "input",
    "The pixel encoding (bits, samples, photometric interpretation) cannot be decoded.",
    "Convert the file.",
  ),
  ATTRIBUTE_MISSING: entry(
    "input",
    "An attribute that is needed to read the image is missing.",
    "Export it again from its source.",
  ),
  ATTRIBUTE_INVALID: entry(
    "input",
    "An attribute that is needed to read the image has an impossible value.",
    "Export it again from its source.",
  ),
  PIXEL_DATA_MISMATCH: entry(
    "input",
    "The pixel data does not fit the size, bits or frames that the dataset states.",
    "Export it again from its source.",
  ),
  PIXEL_DATA_CORRUPT: entry(
    "input",
    "The compressed pixel data cannot be decoded.",
    "Export it again from its source.",
  ),
  FRAME_OUT_OF_RANGE: entry(
    "input",
    "The file has no frame of that number (frames count from 1).",
    "Ask for a frame that is there.",
  ),
  IMAGE_CONSTANT: entry(
    "input",
    "Every pixel of the image has the same value, so there is nothing to compare.",
    "Give an image with content.",
  ),
  DECODE_TIMEOUT: entry(
    "input",
    "Decoding took longer than the limit.",
    "Try again on a machine that is less busy, or convert the file to another transfer syntax.",
  ),
  DECODER_CRASHED: entry(
    "input",
    "The decoder stopped while it read this file and was replaced.",
    "Report the file; the others are not affected.",
  ),
  LIMIT_EXCEEDED: entry(
    "input",
    "A limit on inflated bytes, or on what an archive may hold, was exceeded.",
    "Split it into smaller files, or export it again uncompressed.",
  ),
  TOO_MANY_FRAMES: entry(
    "input",
    "The file states more frames than the limit.",
    "Split it into files of fewer frames.",
  ),
  TOO_MANY_PIXELS: entry("input", "A frame has more pixels than the limit.", "Export it with fewer pixels."),
  TOO_MANY_ELEMENTS: entry(
    "input",
    "The dataset has more data elements than the limit.",
    "Split it into files of fewer frames.",
  ),
  SEQUENCES_TOO_DEEP: entry(
    "input",
    "The dataset has sequences nested deeper than the limit.",
    "Export it again from its source.",
  ),
  DECOMPRESSION_RATIO: entry(
    "input",
    "The compressed data would become far more bytes than images do: it may be made to exhaust memory.",
    "Export it again from its source, uncompressed.",
  ),
  BURNED_IN_TEXT: entry(
    "input",
    "The image may have text burned in that names the patient, and it cannot be taken out.",
    "Look at the image; if nothing is burned in, set Burned In Annotation (burned_in_annotation in a manifest) to NO or use --pixels keep.",
  ),
  DIGEST_MISMATCH: entry(
    "input",
    "The file's bytes are not those that the labels manifest names by their SHA-256.",
    "Fetch the file again, or correct the manifest.",
  ),
  SOP_INSTANCE_CONFLICT: entry(
    "state",
    "Another image with the same SOP Instance UID and other pixels is stored.",
    "Find out which is right; --replace takes the new one.",
  ),
  // Requests
  BAD_REQUEST: entry("input", "The request cannot be understood.", "See /openapi.json for its form."),
  NO_QUERY: entry("input", "The request has no image, id or embedding to search by.", "Send exactly one of them."),
  SEVERAL_QUERIES: entry(
    "input",
    "The request has more than one image, id or embedding to search by.",
    "Send exactly one of them.",
  ),
  BAD_FILTER: entry("input", "The filter is not a Qdrant filter over known fields.", "See docs/filters.md."),
  UNKNOWN_FIELD: entry(
    "input",
    "The field is not one that the payload has.",
    "See the payload's fields in docs/payload.md.",
  ),
  BAD_OPTION: entry(
    "input",
    "An option has a value that it cannot take.",
    "Give another; the message says what is wrong with this one.",
  ),
  BODY_TOO_LARGE: entry("input", "The request body is larger than the limit.", "Send a smaller file."),
  UNSUPPORTED_MEDIA_TYPE: entry(
    "input",
    "The content type is not one that this route takes.",
    "Send multipart/form-data or application/json.",
  ),
  RATE_LIMITED: entry("input", "Too many requests from this address.", "Wait as long as Retry-After says."),
  NOT_FOUND: entry("input", "There is nothing at that address.", "See /openapi.json for the routes."),
  METHOD_NOT_ALLOWED: entry(
    "input",
    "The address exists but does not take this HTTP method.",
    "Use the method that the Allow header names.",
  ),
  HOST_NOT_ALLOWED: entry(
    "input",
    "The request names a host that this gateway does not answer for, or comes from another site's page.",
    "Use the address that dafh serve prints; a proxy in front must send that one as Host.",
  ),
  INSTANCE_NOT_FOUND: entry("input", "No instance of that id is stored.", "Use an id from a search result."),
  PREVIEW_NOT_FOUND: entry(
    "input",
    "No preview of that instance is kept here.",
    "Touch its file and ingest it again here, with previews.",
  ),
  // Collection and engine
  COLLECTION_MISSING: entry(
    "state",
    "The collection does not exist: nothing has been ingested yet.",
    "Run dafh ingest first.",
  ),
  COLLECTION_MISMATCH: entry(
    "state",
    "The collection exists with another shape than this version makes.",
    "Use another collection name or data folder, or ingest anew.",
  ),
  MODEL_MISMATCH: entry(
    "state",
    "The stored codes come from another model than this query's.",
    "Use the model that the collection names, or ingest anew.",
  ),
  ENGINE_REJECTED: entry(
    "internal",
    "Qdrant refused the request.",
    "Check that Qdrant is 1.16 or newer; if it is, report it.",
  ),
  ENGINE_UNAVAILABLE: entry(
    "service",
    "Qdrant cannot be reached or did not answer in time.",
    "Check QDRANT_URL, or run dafh doctor.",
  ),
  ENGINE_NOT_INSTALLED: entry("state", "The embedded engine is not installed.", "Run npm run setup:engine."),
  PYTHON_MISSING: entry(
    "state",
    "No Python 3.10 or newer was found for the embedded engine.",
    "Install Python 3.10 or newer with pip, or set QDRANT_URL.",
  ),
  ENCODER_UNAVAILABLE: entry(
    "service",
    "The encoder cannot be reached or did not answer in time.",
    "Check ENCODER_URL, or run dafh doctor.",
  ),
  OVERLOADED: entry("service", "More requests are waiting than can be served in time.", "Try again in a moment."),
  TIMEOUT: entry("service", "The request took longer than the limit.", "Try again, or narrow the search."),
  MODEL_UNREADABLE: entry(
    "state",
    "The network's weights or its description cannot be loaded.",
    "Install the package again, or run dafh doctor.",
  ),
  DISK_FULL: entry(
    "service",
    "There is no room left where the data is kept.",
    "Free space and run it again: nothing stored is lost.",
  ),
  INTERNAL: entry(
    "internal",
    "Something went wrong that this version does not foresee.",
    "Report it with the request id.",
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Where it went wrong. `tag` as "(gggg,eeee)"; `frame` counts from 1. Never holds a patient's identifier. */
export interface ErrorPlace {
  readonly path?: string;
  readonly tag?: string;
  readonly frame?: number;
  readonly field?: string;
}

/** What is sent or printed for an error. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: ErrorPlace;
  readonly wayOut: string;
}

/** The only error that leaves a folder on purpose. `message` says what was wrong with this very input. */
export class DafhError extends Error {
  override readonly name = "DafhError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly where: ErrorPlace = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }

  get wayOut(): string {
    return ERRORS[this.code].wayOut;
  }

  /** May the same call succeed when it is made again? */
  get retryable(): boolean {
    return ERRORS[this.code].kind === "service";
  }

  toBody(): ErrorBody {
    const where = Object.keys(this.where).length > 0 ? { where: this.where } : {};
    return { code: this.code, message: this.message, ...where, wayOut: this.wayOut };
  }

  /** The inverse of `toBody`, for what crossed a process boundary. */
  static fromBody(body: ErrorBody): DafhError {
    return new DafhError(body.code, body.message, body.where ?? {});
  }
}

/** Any thrown value as a `DafhError`; what is not one already becomes `fallback` with its cause kept. */
export function asDafhError(thrown: unknown, fallback: ErrorCode = "INTERNAL", where: ErrorPlace = {}): DafhError {
  if (thrown instanceof DafhError) return thrown;
  return new DafhError(fallback, ERRORS[fallback].meaning, where, { cause: thrown });
}

/** The thrown value and its causes as a log may have them: names and places in the code, and no message. */
export function stackPlaces(thrown: unknown): string[] {
  const lines: string[] = [];
  for (let at = thrown, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const places = (at.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
    lines.push(at.name, ...places.slice(0, 12).map((line) => line.trim()));
  }
  return lines;
}
