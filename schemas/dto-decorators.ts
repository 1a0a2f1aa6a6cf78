/** The few decorators that the DTOs need beyond class-validator's own, each one a rule and its line in the OpenAPI document. */
import "reflect-metadata";
import { Type } from "class-transformer";
import { ValidateNested } from "class-validator";
import { JSONSchema } from "class-validator-jsonschema";

type JsonType = "string" | "integer" | "number" | "boolean";
type JsonTypeOrNull = JsonType | "null";
type DtoClass = new () => object;
/** As class-validator's own: properties of classes, by name. */
type Decorator = (target: object, property: string) => void;

export const described = (description: string): Decorator => JSONSchema({ description });

/** The cast: OpenAPI 3.1 takes a list of types, which the 3.0 types of this library lack. */
export const ofTypes = (...types: JsonTypeOrNull[]): Decorator => JSONSchema({ type: types as unknown as JsonType });

/** Always there, maybe null. */
export const nullable = (type: JsonType, description: string): Decorator =>
  JSONSchema({ type: [type, "null"] as unknown as JsonType, description });

/** An object of another DTO. The class is named late, so that classes may refer to later ones. */
export const Nested = (type: () => DtoClass, description?: string): Decorator =>
  nested(type, false, (reference) => ({ ...reference, ...text(description) }));

/** An array of objects of another DTO. */
export const NestedList = (type: () => DtoClass, description?: string): Decorator =>
  nested(type, true, (reference) => ({ type: "array", items: reference, ...text(description) }));

type Schema = ReturnType<Extract<Parameters<typeof JSONSchema>[0], (...given: never) => unknown>>;
type SchemaOf = (reference: { $ref: string }) => Schema;

function nested(type: () => DtoClass, each: boolean, schema: SchemaOf): Decorator {
  return (target, property) => {
    ValidateNested({ each })(target, property);
    Type(type)(target, property);
    JSONSchema(() => schema({ $ref: `#/components/schemas/${type().name}` }))(target, property);
  };
}

const text = (description: string | undefined) => (description === undefined ? {} : { description });
