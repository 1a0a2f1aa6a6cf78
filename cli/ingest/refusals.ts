/**
 * Remembers files that were refused for what is in them, so that ten thousand text files beside the images are not read
 * again on every run. Only verdicts that nothing but the file's bytes and this version decide are kept.
 */
import type { Catalogue, RefusalRecord } from "../../catalogue/index.js";
import { DafhError, type ErrorCode } from "../../schemas/index.js";
import type { FoundFile } from "./found.js";

/** What other files or the machine's load could have decided otherwise is not among them. */
const LASTING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "FILE_EMPTY",
  "NOT_DICOM",
  "DICOM_TRUNCATED",
  "DICOM_CORRUPT",
  "DICOMDIR",
  "NO_PIXEL_DATA",
  "UNSUPPORTED_TRANSFER_SYNTAX",
  "UNSUPPORTED_PIXEL_FORMAT",
  "ATTRIBUTE_MISSING",
  "ATTRIBUTE_INVALID",
  "PIXEL_DATA_MISMATCH",
  "PIXEL_DATA_CORRUPT",
  "IMAGE_CONSTANT",
  "BURNED_IN_TEXT",
]);
const WRITE_AT_ONCE = 256;

export class Refusals {
  #unwritten = new Map<string, RefusalRecord>();

  /** @param judge changes with whatever could change a verdict, such as this product's version and the profile */
  constructor(
    private readonly catalogue: Catalogue,
    private readonly judge: string,
  ) {}

  /** The error that this very file was refused with before. */
  of({ path, size, mtimeMs }: FoundFile): DafhError | undefined {
    const record = this.catalogue.refusal(path);
    if (record === undefined || record.judge !== this.judge) return undefined;
    if (record.size !== size || record.mtimeMs !== mtimeMs) return undefined;
    return new DafhError(record.code, record.message, { path });
  }

  async note({ path, size, mtimeMs }: FoundFile, { code, message }: DafhError): Promise<void> {
    if (!LASTING.has(code)) return;
    this.#unwritten.set(path, { size, mtimeMs, judge: this.judge, code, message });
    if (this.#unwritten.size >= WRITE_AT_ONCE) await this.write();
  }

  async write(): Promise<void> {
    const records = this.#unwritten;
    this.#unwritten = new Map();
    if (records.size > 0) await this.catalogue.putRefusals(records);
  }
}
