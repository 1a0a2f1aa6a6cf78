/**
 * Checks what one condition of a filter says about one field of the payload, by the field's kind. Qdrant itself takes
 * a range over text or a number against a keyword and then matches nothing; here that is an error with its place.
 */
import { DafhError, PAYLOAD_FIELDS, type PayloadField, type PayloadFieldName } from "../../schemas/index.js";
import { badFilter, isRecord, requireKeys, shown } from "./filter-faults.js";

const MOST_VALUES = 10_000;
const BOUNDS = ["lt", "gt", "gte", "lte"];
const PREDICATES = ["match", "range", "values_count", "is_empty", "is_null"];
const GEO_PREDICATES = ["geo_bounding_box", "geo_radius", "geo_polygon"];

/** RFC 3339 with the shortenings that Qdrant takes: the day alone, or no zone (then UTC). */
const DATETIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

export function isPayloadField(name: string): name is PayloadFieldName {
  return Object.hasOwn(PAYLOAD_FIELDS, name);
}

/**
 * The field that a key names; `field[]` and `field[0]` name values of a field that holds several, as in Qdrant.
 * @throws DafhError BAD_FILTER where it is not text, UNKNOWN_FIELD where the payload has no such field
 */
export function checkFieldName(key: unknown, place: string): PayloadField {
  if (typeof key !== "string") throw badFilter(place, "must be the name of a field");
  const name = key.replace(/\[\d*\]$/, "");
  if (!isPayloadField(name)) {
    throw new DafhError("UNKNOWN_FIELD", `${place} names ${shown(key)}, which the payload does not have.`, {
      field: place,
    });
  }
  const field = PAYLOAD_FIELDS[name];
  if (name !== key && !field.many) throw badFilter(place, `puts brackets after ${name}, which holds one value`);
  return field;
}

/** @throws DafhError BAD_FILTER or UNKNOWN_FIELD */
export function checkFieldCondition(condition: Record<string, unknown>, place: string): void {
  const field = checkFieldName(condition.key, `${place}.key`);
  for (const geo of GEO_PREDICATES) {
    if (geo in condition)
      throw badFilter(`${place}.${geo}`, "cannot hold: no field of the payload is a place on Earth");
  }
  requireKeys(condition, place, ["key", ...PREDICATES]);
  const predicates = PREDICATES.filter((name) => condition[name] !== undefined && condition[name] !== null);
  const [predicate, ...others] = predicates;
  // Of several predicates in one condition Qdrant's engines do not agree which counts.
  if (predicate === undefined || others.length > 0) {
    throw badFilter(place, `must have exactly one of ${PREDICATES.join(", ")}`);
  }
  const value = condition[predicate];
  const at = `${place}.${predicate}`;
  switch (predicate) {
    case "match":
      checkMatch(value, field, at);
      return;
    case "range":
      checkRange(value, field, at);
      return;
    case "values_count":
      checkValuesCount(value, at);
      return;
    default:
      if (typeof value !== "boolean") throw badFilter(at, "must be true or false");
  }
}

function checkMatch(match: unknown, field: PayloadField, place: string): void {
  if (!isRecord(match)) throw badFilter(place, "must be an object with value, any, except, text, text_any or phrase");
  const [kind, ...others] = Object.keys(match);
  if (kind === undefined || others.length > 0) throw badFilter(place, "must have exactly one key");
  const wanted = match[kind];
  const at = `${place}.${kind}`;
  switch (kind) {
    case "value":
      checkValue(wanted, field, at);
      return;
    case "any":
    case "except":
      if (!Array.isArray(wanted)) throw badFilter(at, "must be a list of values");
      if (wanted.length > MOST_VALUES) throw badFilter(at, `has more than ${MOST_VALUES} values`);
      if (field.kind === "bool") throw badFilter(at, "cannot list true and false: use value");
      for (const [index, value] of wanted.entries()) checkValue(value, field, `${at}[${index}]`);
      return;
    case "text":
    case "text_any":
    case "phrase":
      if (field.kind !== "keyword") throw badFilter(at, `cannot hold: the field is a ${field.kind}, not text`);
      if (typeof wanted !== "string") throw badFilter(at, "must be text");
      return;
    default:
      throw badFilter(place, `has ${shown(kind)}, which is none of value, any, except, text, text_any, phrase`);
  }
}

function checkValue(value: unknown, field: PayloadField, place: string): void {
  switch (field.kind) {
    case "keyword":
      if (typeof value !== "string") throw badFilter(place, "must be text, as the field is");
      return;
    case "integer":
      if (!Number.isSafeInteger(value)) throw badFilter(place, "must be a whole number, as the field is");
      return;
    case "bool":
      if (typeof value !== "boolean") throw badFilter(place, "must be true or false, as the field is");
      return;
    case "float":
      throw badFilter(place, "cannot hold: Qdrant does not match decimal numbers exactly; use range");
    case "datetime":
      throw badFilter(place, "cannot hold: Qdrant does not match times exactly; use range");
  }
}

function checkRange(range: unknown, field: PayloadField, place: string): void {
  if (!isRecord(range)) throw badFilter(place, "must be an object with lt, lte, gt or gte");
  requireKeys(range, place, BOUNDS);
  if (Object.keys(range).length === 0) throw badFilter(place, "has no bound: give lt, lte, gt or gte");
  for (const [bound, value] of Object.entries(range)) {
    if (value === null) continue;
    const at = `${place}.${bound}`;
    switch (field.kind) {
      case "integer":
      case "float":
        if (typeof value !== "number" || !Number.isFinite(value)) throw badFilter(at, "must be a number");
        break;
      case "datetime":
        if (typeof value !== "string" || !DATETIME.test(value) || Number.isNaN(Date.parse(value))) {
          throw badFilter(at, "must be a day or time such as 2024-03-01 or 2024-03-01T12:00:00Z");
        }
        break;
      case "keyword":
      case "bool":
        throw badFilter(place, `cannot hold: a ${field.kind} field has no order`);
    }
  }
}

function checkValuesCount(count: unknown, place: string): void {
  if (!isRecord(count)) throw badFilter(place, "must be an object with lt, lte, gt or gte");
  requireKeys(count, place, BOUNDS);
  for (const [bound, value] of Object.entries(count)) {
    if (value === null) continue;
    if (!Number.isSafeInteger(value) || Number(value) < 0) {
      throw badFilter(`${place}.${bound}`, "must be a whole number from 0");
    }
  }
}
