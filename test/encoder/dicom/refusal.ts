/** Asserts that something is refused with a code of the error table, and gives the error for a closer look. */
import assert from "node:assert/strict";
import { DafhError, type ErrorCode } from "../../../schemas/index.js";

export function refusedWith(code: ErrorCode, act: () => unknown): DafhError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof DafhError, `threw something else: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`was not refused; expected ${code}`);
}
