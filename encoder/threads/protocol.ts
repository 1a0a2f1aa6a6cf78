/** What crosses between a thread and its owner, whichever of the two folders (decoding, model) the thread belongs to. */
import type { ErrorBody } from "../../schemas/index.js";

/** `retire`: the thread has answered for the last time, because what failed may have left it unsound. */
export type Reply<Answer> = { readonly answer: Answer } | { readonly fault: ErrorBody; readonly retire: boolean };

/** Asks the thread to put away what it holds and to exit by itself. */
export const EXIT = "exit";
