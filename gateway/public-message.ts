/**
 * What a client is told of an error. A fault of the request is told in its own words; a fault of what is behind the
 * gateway by its code's fixed meaning, because its own words may name hosts, folders and processes of this site.
 */
import { type DafhError, ERRORS, type ErrorCode } from "../schemas/index.js";

/** Their words name collections, models and UIDs that the client knows already. */
const HARMLESS_STATES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "COLLECTION_MISSING",
  "COLLECTION_MISMATCH",
  "MODEL_MISMATCH",
  "SOP_INSTANCE_CONFLICT",
]);

export function publicMessage({ code, message }: DafhError): string {
  const { kind, meaning } = ERRORS[code];
  switch (kind) {
    case "input":
      // The image's fault, but told in the words of the thread that stopped.
      return code === "DECODER_CRASHED" ? meaning : message;
    case "state":
      return HARMLESS_STATES.has(code) ? message : meaning;
    case "service":
    case "internal":
      return meaning;
  }
}
