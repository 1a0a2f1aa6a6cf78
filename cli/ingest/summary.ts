/** What an ingestion did, counted as it goes: the numbers of `dafh ingest --json`, and every refused file by name. */
import type { DafhError, ErrorCode } from "../../schemas/index.js";

export interface RefusedFile {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** `files` = `instances` + refused; `instances` = new + unchanged + updated + replaced. */
export interface IngestSummary {
  /** Files (and folders that cannot be read) that were met. */
  readonly files: number;
  /** Files whose images are stored now. */
  readonly instances: number;
  /** Stored ones. */
  readonly frames: number;
  /** Frames of these files that are not stored, since all their pixels have one value. */
  readonly constantFrames: number;
  readonly new: number;
  /** Stored already, all the same. */
  readonly unchanged: number;
  /** Stored already with the same pixels; the header or the label was brought up to date. */
  readonly updated: number;
  /** Stored with other pixels before; only with --replace. */
  readonly replaced: number;
  readonly refused: readonly RefusedFile[];
  readonly refusedByCode: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Rows of the labels manifest whose file was not met. */
  readonly labelsUnmet: number;
  /** What was let through. */
  readonly profile: string;
  /** Frames in the collection that another profile let through, or none. */
  readonly framesUnderOtherProfiles: number;
  readonly interrupted: boolean;
  readonly seconds: number;
}

export type StoredKind = "new" | "unchanged" | "updated" | "replaced";

/** What became of a file whose images are stored now. */
export interface StoredFile {
  readonly kind: StoredKind;
  readonly frames: number;
  readonly constantFrames: number;
}

/** Counts of one run; `onChange` hears of every file. */
export class Tally {
  readonly #stored: Record<StoredKind, number> = { new: 0, unchanged: 0, updated: 0, replaced: 0 };
  readonly #refused: RefusedFile[] = [];
  readonly #refusedByCode: Partial<Record<ErrorCode, number>> = {};
  #frames = 0;
  #constantFrames = 0;

  constructor(private readonly onChange: (tally: Tally) => void) {}

  stored({ kind, frames, constantFrames }: StoredFile): void {
    this.#stored[kind] += 1;
    this.#frames += frames;
    this.#constantFrames += constantFrames;
    this.onChange(this);
  }

  refused(path: string, { code, message }: DafhError): void {
    this.#refused.push({ path, code, message });
    this.#refusedByCode[code] = (this.#refusedByCode[code] ?? 0) + 1;
    this.onChange(this);
  }

  get instances(): number {
    return Object.values(this.#stored).reduce((sum, count) => sum + count, 0);
  }

  get files(): number {
    return this.instances + this.#refused.length;
  }

  get refusals(): number {
    return this.#refused.length;
  }

  summary(
    rest: Pick<IngestSummary, "labelsUnmet" | "profile" | "framesUnderOtherProfiles" | "interrupted" | "seconds">,
  ): IngestSummary {
    return {
      files: this.files,
      instances: this.instances,
      frames: this.#frames,
      constantFrames: this.#constantFrames,
      ...this.#stored,
      // A conflict is only known when its batch is committed; by path, the list is the same on every run.
      refused: this.#refused.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
      refusedByCode: this.#refusedByCode,
      ...rest,
    };
  }
}
