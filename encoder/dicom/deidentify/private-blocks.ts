/**
 * Private blocks of one dataset (PS3.5 7.8.1): who reserved them, which of their elements stay, and the reservations of
 * those that do. What is safe is `safe-private.ts`' matter.
 */
import { isKnownVr } from "../dataset-reader.js";
import { shiftTemporal } from "./dates.js";
import type { SourceElement } from "./element-reader.js";
import type { OutputElement } from "./element-writer.js";
import { output, type Place, type RuleContext } from "./rule-context.js";
import { safePrivateRepresentation } from "./safe-private.js";
import { ascii, isBinaryNumber, isCodeString, isNumberString, latin1, trimmed, valuesOf } from "./values.js";

export interface PrivateCreators {
  safeRepresentation(tag: number): string | undefined;
  /** The block of this tag's element is kept. */
  use(tag: number): void;
  /** The creator elements of the blocks that are kept. */
  reservations(): OutputElement[];
}

export function privateCreators(elements: readonly SourceElement[]): PrivateCreators {
  const creators = new Map<number, string>();
  const used = new Set<number>();
  for (const { tag, value } of elements) {
    const number = tag & 0xffff;
    if ((tag >>> 16) % 2 === 1 && number >= 0x10 && number <= 0xff) creators.set(tag, trimmed(latin1(value)));
  }
  /** The tag of the element that reserves the block which `tag` lies in. */
  const reservationOf = (tag: number): number => ((tag & 0xffff0000) | ((tag >>> 8) & 0xff)) >>> 0;
  return {
    safeRepresentation(tag) {
      if ((tag & 0xffff) < 0x1000) return undefined;
      const creator = creators.get(reservationOf(tag));
      return creator === undefined ? undefined : safePrivateRepresentation(tag >>> 16, creator, tag & 0xff);
    },
    use: (tag) => used.add(reservationOf(tag)),
    reservations: () =>
      [...used].map((tag) => ({
        tag,
        vr: "LO",
        value: { kind: "bytes", bytes: ascii(creators.get(tag) ?? "") },
      })),
  };
}

/** undefined where the element is not known to be safe, or is not what it is known as. */
export function privateElement(
  element: SourceElement,
  creators: PrivateCreators,
  context: RuleContext,
): OutputElement | undefined {
  if (!context.profile.retainSafePrivate || element.undefinedLength) return undefined;
  const standard = creators.safeRepresentation(element.tag);
  if (standard === undefined) return undefined;
  const vr = element.vr === "UN" || !isKnownVr(element.vr) ? standard : element.vr;
  if (vr !== standard) return undefined;
  const kept = safeValue({ element, vr, standard }, context);
  if (kept !== undefined) creators.use(element.tag);
  return kept;
}

function safeValue(place: Place, { profile, shiftDays }: RuleContext): OutputElement | undefined {
  const { element, standard } = place;
  const values = valuesOf(element.value);
  switch (standard) {
    case "DS":
    case "IS":
      return values.every(isNumberString) ? output(place, standard, element.value) : undefined;
    case "CS":
      return values.every(isCodeString) ? output(place, standard, element.value) : undefined;
    case "DT": {
      if (profile.dates === "remove") return undefined;
      const days = profile.dates === "shift" ? shiftDays : 0;
      const moved = values.map((text) => shiftTemporal(text, "DT", days));
      return moved.includes(undefined) ? undefined : output(place, standard, ascii(moved.join("\\")));
    }
    default:
      return isBinaryNumber(element.value, standard) ? output(place, standard, element.value) : undefined;
  }
}
