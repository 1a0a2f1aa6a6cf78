/** A whole file's frames at once, from an encoder that gives them one by one. */
import type { EncodedFile, EncodedFrame, FrameSink } from "../schemas/index.js";

export async function gathered(
  encodeTo: (sink: FrameSink) => Promise<Omit<EncodedFile, "frames">>,
): Promise<EncodedFile> {
  const frames: EncodedFrame[] = [];
  const file = await encodeTo({
    opened: () => {
      frames.length = 0;
    },
    frame: (frame) => {
      frames.push(frame);
    },
  });
  return { ...file, frames };
}
