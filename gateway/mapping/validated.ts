/** Plain values → a validated DTO, or the error that says which field is wrong and why. */
import { plainToInstance } from "class-transformer";
import { type ValidationError, validateSync } from "class-validator";
import { DafhError, type ErrorCode } from "../../schemas/index.js";

/** Deeper than any sensible filter, shallower than any call stack. */
const MAX_DEPTH = 40;

/** @throws DafhError BAD_REQUEST, BAD_FILTER, UNKNOWN_FIELD, BAD_OPTION */
export function validated<Dto extends object>(type: new () => Dto, plain: unknown): Dto {
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    throw new DafhError("BAD_REQUEST", "The body is not a JSON object.");
  }
  refuseDepth(plain);
  const dto = plainToInstance(type, plain);
  const [fault] = validateSync(dto, { whitelist: true, forbidNonWhitelisted: true });
  if (fault !== undefined) throw refusal(fault);
  return dto;
}

function refusal(fault: ValidationError, parents = ""): DafhError {
  const field = `${parents}${fault.property.slice(0, 64)}`;
  const [child] = fault.children ?? [];
  if (child !== undefined) return refusal(child, `${field}.`);
  const constraints = fault.constraints ?? {};
  if (constraints.whitelistValidation !== undefined) {
    return new DafhError("BAD_REQUEST", `There is no field ${field} in this request's form.`, { field });
  }
  const reason = Object.values(constraints)[0] ?? `${field} cannot be taken`;
  return new DafhError(codeFor(field), `${reason}.`, { field });
}

function codeFor(field: string): ErrorCode {
  switch (field) {
    case "filter":
      return "BAD_FILTER";
    case "field":
      return "UNKNOWN_FIELD";
    default:
      return "BAD_OPTION";
  }
}

/** With a list of its own instead of recursion: a megabyte of brackets must not become a stack overflow. */
function refuseDepth(root: object): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new DafhError("BAD_REQUEST", `The body is nested deeper than ${MAX_DEPTH} levels.`);
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
  }
}
