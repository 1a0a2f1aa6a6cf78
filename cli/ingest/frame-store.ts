/**
 * An encoded file's frames until they are written: in memory while they are few, else in a file of the data folder that
 * has no name and so goes with this process, whatever ends it. Nothing of an image is stored before all of it is known
 * to be good, and 10,000 previews would not fit.
 */
import type { FileHandle } from "node:fs/promises";
import { deserialize, serialize } from "node:v8";
import { DafhError, type EncodedFrame } from "../../schemas/index.js";

/** About as many as a batch has when files are of one frame. */
export const FRAMES_IN_MEMORY = 64;

export class FrameStore {
  #latest: EncodedFrame[] = [];
  /** Where each portion that is written out lies. */
  #portions: { readonly offset: number; readonly length: number }[] = [];
  #length = 0;
  #file: FileHandle | undefined;

  /** @param openFile gives an empty file to write and read */
  constructor(private readonly openFile: () => Promise<FileHandle>) {}

  /** The frames, where all of them are in memory. */
  get few(): readonly EncodedFrame[] | undefined {
    return this.#portions.length === 0 ? this.#latest : undefined;
  }

  /** @throws DafhError DISK_FULL or FILE_UNREADABLE */
  async add(frame: EncodedFrame): Promise<void> {
    if (this.#latest.length === FRAMES_IN_MEMORY) await this.#writeOut();
    this.#latest.push(frame);
  }

  /** All frames in their order, some at a time; may be asked for again. @throws DafhError FILE_UNREADABLE */
  async *portions(): AsyncGenerator<readonly EncodedFrame[]> {
    for (const { offset, length } of this.#portions) {
      // What `#writeOut` wrote.
      yield deserialize(await this.#readBack(offset, length)) as EncodedFrame[];
    }
    yield this.#latest;
  }

  /** Begins anew. */
  clear(): void {
    this.#latest = [];
    this.#portions = [];
    this.#length = 0;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.clear();
    await file?.close();
  }

  async #readBack(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const read = await this.#file?.read(bytes, done, length - done, offset + done);
      if (read === undefined || read.bytesRead === 0) {
        throw new DafhError(
          "FILE_UNREADABLE",
          "Frames of a large file that were put aside in the data folder end early.",
        );
      }
      done += read.bytesRead;
    }
    return bytes;
  }

  async #writeOut(): Promise<void> {
    const bytes = serialize(this.#latest);
    try {
      this.#file ??= await this.openFile();
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#length + done);
        done += bytesWritten;
      }
    } catch (cause) {
      const isFull = cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
      const what = "The frames of a large file cannot be kept in the data folder until they are written.";
      throw new DafhError(isFull ? "DISK_FULL" : "FILE_UNREADABLE", what, {}, { cause });
    }
    this.#portions.push({ offset: this.#length, length: bytes.length });
    this.#length += bytes.length;
    this.#latest = [];
  }
}
