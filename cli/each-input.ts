/** For commands over several files: tries every one, says of each that fails why, and counts them. */
import { asDafhError, ERRORS } from "../schemas/index.js";
import { describe, type Output } from "./output.js";

/**
 * @returns how many inputs were refused
 * @throws DafhError where it is not the input that is at fault: the next would fail as well
 */
export async function eachInput(
  paths: readonly string[],
  output: Output,
  work: (path: string) => Promise<void>,
): Promise<number> {
  let refused = 0;
  for (const path of paths) {
    try {
      await work(path);
    } catch (thrown) {
      const error = asDafhError(thrown, "INTERNAL", { path });
      const { kind } = ERRORS[error.code];
      if (kind === "service" || kind === "state") throw error;
      refused += 1;
      output.note(`dafh: ${describe(error)}`);
      if (output.json) output.document({ path, error: { code: error.code, message: error.message } });
    }
  }
  return refused;
}
