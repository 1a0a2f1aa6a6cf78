/** What the rules hand to each other: the run's choices, one element with its representations, and how it is put out. */
import type { SourceElement } from "./element-reader.js";
import type { OutputElement } from "./element-writer.js";
import type { DeidentificationProfile } from "./profile.js";

export interface RuleContext {
  readonly profile: DeidentificationProfile;
  readonly key: Uint8Array;
  /** What Patient ID and Patient's Name become, at the top level. */
  readonly pseudonym: string;
  readonly shiftDays: number;
}

export interface Place {
  readonly element: SourceElement;
  /** As the file has it, or as the standard says where the file does not. */
  readonly vr: string;
  readonly standard: string;
}

/** A file that says UN goes on saying it where the value stays as it is. */
export function output({ element }: Place, vr: string, bytes: Uint8Array): OutputElement {
  const written = element.vr === "UN" && bytes === element.value ? "UN" : vr;
  return { tag: element.tag, vr: written, value: { kind: "bytes", bytes } };
}
