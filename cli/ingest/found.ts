/** What looking for files yields: a file that may be an image, or something that cannot be read and why. */
import type { DafhError, ImageSource } from "../../schemas/index.js";

export interface FoundFile {
  readonly kind: "file";
  /** Absolute; an archive's entry is `ARCHIVE!/ENTRY`. Bytes that are not UTF-8 are shown as \xNN. */
  readonly path: string;
  /** The folder (or archive) named on the command line that it was found in: manifests may count from there. */
  readonly root: string;
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  /** What the encoder is given. Reads nothing where the encoder can read the path itself. */
  open(): Promise<ImageSource>;
}

interface FoundRefusal {
  readonly kind: "refused";
  readonly path: string;
  readonly error: DafhError;
}

export type Found = FoundFile | FoundRefusal;
