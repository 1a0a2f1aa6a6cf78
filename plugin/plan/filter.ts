/**
 * Checks a filter against Qdrant's filter grammar: clauses, `nested`, `has_id`, sizes. What a condition may say about
 * a field of the payload is `condition.ts`'s matter. A filter that passes is sent to Qdrant unchanged.
 */
import { DafhError, type QdrantFilter } from "../../schemas/index.js";
import { checkFieldCondition, checkFieldName } from "./condition.js";
import { badFilter, isRecord, requireKeys } from "./filter-faults.js";

/** Deep and wide enough for any question a person asks, and small enough that no request ties the engine up. */
const LIMITS = { depth: 8, conditions: 256, ids: 10_000 } as const;

const CLAUSES = ["must", "should", "must_not", "min_should"];

interface Budget {
  conditions: number;
}

/**
 * The same filter, typed.
 * @throws DafhError BAD_FILTER or UNKNOWN_FIELD; `where.field` says where in the filter, such as `filter.must[0].range.gte`
 */
export function checkFilter(filter: unknown): QdrantFilter {
  checkClauses(filter, "filter", 1, { conditions: 0 });
  // Every key of it was checked just now.
  return filter as QdrantFilter;
}

function checkClauses(filter: unknown, place: string, depth: number, budget: Budget): void {
  if (!isRecord(filter)) throw badFilter(place, "must be an object with must, should, must_not or min_should");
  if (depth > LIMITS.depth) throw badFilter(place, `is nested deeper than ${LIMITS.depth} levels`);
  requireKeys(filter, place, CLAUSES);
  for (const clause of ["must", "should", "must_not"]) {
    const conditions = filter[clause];
    if (conditions === undefined || conditions === null) continue;
    // Qdrant takes a single condition in place of a list of one.
    if (Array.isArray(conditions)) checkConditions(conditions, `${place}.${clause}`, depth, budget);
    else checkCondition(conditions, `${place}.${clause}`, depth, budget);
  }
  const minShould = filter.min_should;
  if (minShould !== undefined && minShould !== null) {
    checkMinShould(minShould, `${place}.min_should`, depth, budget);
  }
}

function checkConditions(conditions: readonly unknown[], place: string, depth: number, budget: Budget): void {
  for (const [index, condition] of conditions.entries()) {
    checkCondition(condition, `${place}[${index}]`, depth, budget);
  }
}

function checkMinShould(minShould: unknown, place: string, depth: number, budget: Budget): void {
  if (!isRecord(minShould)) throw badFilter(place, "must be an object with conditions and min_count");
  requireKeys(minShould, place, ["conditions", "min_count"]);
  const { conditions, min_count: minCount } = minShould;
  if (!Array.isArray(conditions)) throw badFilter(`${place}.conditions`, "must be a list of conditions");
  if (!Number.isSafeInteger(minCount) || Number(minCount) < 0) {
    throw badFilter(`${place}.min_count`, "must be a whole number from 0");
  }
  checkConditions(conditions, `${place}.conditions`, depth, budget);
}

function checkCondition(condition: unknown, place: string, depth: number, budget: Budget): void {
  if (!isRecord(condition)) throw badFilter(place, "must be a condition, which is an object");
  budget.conditions++;
  if (budget.conditions > LIMITS.conditions) {
    throw badFilter(place, `is past the ${LIMITS.conditions} conditions that a filter may have`);
  }
  if ("key" in condition) checkFieldCondition(condition, place);
  else if ("is_empty" in condition || "is_null" in condition) checkEmptiness(condition, place);
  else if ("has_id" in condition) checkHasId(condition, place);
  else if ("has_vector" in condition) checkHasVector(condition, place);
  else if ("nested" in condition) checkNested(condition, place, depth, budget);
  else if (CLAUSES.some((clause) => clause in condition)) checkClauses(condition, place, depth + 1, budget);
  else throw badFilter(place, "is none of Qdrant's conditions (key, is_empty, is_null, has_id, nested, or a filter)");
}

function checkEmptiness(condition: Record<string, unknown>, place: string): void {
  const kind = "is_empty" in condition ? "is_empty" : "is_null";
  requireKeys(condition, place, [kind]);
  const target = condition[kind];
  if (!isRecord(target)) throw badFilter(`${place}.${kind}`, "must be an object with the key of a field");
  requireKeys(target, `${place}.${kind}`, ["key"]);
  checkFieldName(target.key, `${place}.${kind}.key`);
}

function checkHasId(condition: Record<string, unknown>, place: string): void {
  requireKeys(condition, place, ["has_id"]);
  const ids = condition.has_id;
  if (!Array.isArray(ids)) throw badFilter(`${place}.has_id`, "must be a list of ids");
  if (ids.length > LIMITS.ids) throw badFilter(`${place}.has_id`, `has more than ${LIMITS.ids} ids`);
  for (const [index, id] of ids.entries()) {
    if (!isPointId(id)) throw badFilter(`${place}.has_id[${index}]`, "is not the id of an instance, which is a UUID");
  }
}

function checkHasVector(condition: Record<string, unknown>, place: string): void {
  requireKeys(condition, place, ["has_vector"]);
  const name = condition.has_vector;
  if (name !== "hash" && name !== "features") {
    throw badFilter(`${place}.has_vector`, "must be one of the vectors hash and features");
  }
}

/**
 * `nested` looks into the objects that a field holds. No field of today's payload holds any, so such a condition is
 * sound and matches nothing; the keys inside are relative to those objects and cannot be checked against the table.
 */
function checkNested(condition: Record<string, unknown>, place: string, depth: number, budget: Budget): void {
  requireKeys(condition, place, ["nested"]);
  const nested = condition.nested;
  if (!isRecord(nested)) throw badFilter(`${place}.nested`, "must be an object with key and filter");
  requireKeys(nested, `${place}.nested`, ["key", "filter"]);
  checkFieldName(nested.key, `${place}.nested.key`);
  checkClauses(nested.filter, `${place}.nested.filter`, depth + 1, budget);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Is it an id that a stored frame can have? */
function isPointId(id: unknown): id is string {
  return typeof id === "string" && UUID.test(id);
}

/** @throws DafhError BAD_REQUEST where an id is not a UUID */
export function checkPointIds(ids: readonly unknown[]): asserts ids is readonly string[] {
  for (const [index, id] of ids.entries()) {
    if (isPointId(id)) continue;
    throw new DafhError("BAD_REQUEST", `The id at place ${index + 1} is not the id of an instance, which is a UUID.`, {
      field: "id",
    });
  }
}
