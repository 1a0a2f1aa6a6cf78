/** Which frames of a file are meant: all, or those asked for. */
import { DafhError } from "../schemas/index.js";

/** @returns frames from 1, each once, in the order asked @throws DafhError FRAME_OUT_OF_RANGE or BAD_OPTION */
export function chosenFrames(asked: readonly number[] | undefined, count: number): readonly number[] {
  if (asked === undefined) return Array.from({ length: count }, (_, index) => index + 1);
  if (asked.length === 0) throw new DafhError("BAD_OPTION", "the list of frames is empty", { field: "frames" });
  for (const frame of asked) {
    if (Number.isInteger(frame) && frame >= 1 && frame <= count) continue;
    throw new DafhError("FRAME_OUT_OF_RANGE", `there is no frame ${frame}: the file has ${count}`, { frame });
  }
  return [...new Set(asked)];
}
