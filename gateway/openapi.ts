/** The OpenAPI 3.1 document: bodies from the DTOs, the payload from its table, errors from theirs. */
import { readFileSync } from "node:fs";
import { validationMetadatasToSchemas } from "class-validator-jsonschema";
import "../schemas/dto.js";
import { ERRORS, type ErrorCode, PAYLOAD_FIELDS, type PayloadField } from "../schemas/index.js";
import { HTTP_STATUS } from "./status.js";

type Json = Record<string, unknown>;

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const jsonBody = (name: string) => ({ "application/json": { schema: reference(name) } });

export function openApiDocument(): Json {
  const schemas: Json = {
    ...validationMetadatasToSchemas({ refPointerPrefix: "#/components/schemas/" }),
    InstancePayload: payloadSchema(),
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "qdrant-dafh",
      version: packageVersion(),
      description: "Find the medical images that look like this one.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths: {
      "/v1/search": { post: searchOperation(schemas.SearchBody as Json) },
      "/v1/instances/{id}": {
        get: operation(
          "getInstance",
          "What is stored about one frame",
          jsonAnswer("InstanceAnswer"),
          [idParameter],
          ["INSTANCE_NOT_FOUND"],
        ),
      },
      "/v1/instances/{id}/preview": {
        get: operation(
          "getPreview",
          "Preview of one frame",
          { description: "8-bit grey PNG", content: { "image/png": {} } },
          [idParameter],
          ["PREVIEW_NOT_FOUND"],
        ),
      },
      "/v1/facets": {
        get: operation(
          "getFacets",
          "Values of a payload field and how many instances have each",
          jsonAnswer("FacetsAnswer"),
          facetParameters(schemas.FacetsQuery as Json),
          ["UNKNOWN_FIELD", "BAD_FILTER"],
        ),
      },
      "/openapi.json": { get: operation("getOpenApi", "This document", anyJson("OpenAPI 3.1")) },
      "/healthz": { get: operation("getHealth", "Does this process answer? Asks nobody else", anyJson("It does")) },
      "/readyz": {
        get: {
          ...operation("getReadiness", "Would a search work? Asks engine and encoder", anyJson("It would")),
          responses: { "200": anyJson("It would"), "503": anyJson("It would not, and why") },
        },
      },
      "/metrics": {
        get: operation("getMetrics", "For Prometheus", {
          description: "Text exposition format",
          content: { "text/plain": { schema: { type: "string" } } },
        }),
      },
    },
    components: { schemas },
  };
}

function searchOperation(searchBody: Json): Json {
  const { id: _id, embedding: _embedding, ...options } = searchBody.properties as Json;
  const form = {
    type: "object",
    description: "A search by one uploaded image: DICOM Part 10, PNG or JPEG.",
    properties: {
      image: { type: "string", format: "binary", description: "The image; its name is not looked at" },
      ...options,
      filter: { type: "string", contentMediaType: "application/json", description: "A Qdrant filter as JSON text" },
    },
    required: ["image"],
  };
  return {
    ...operation(
      "search",
      "Images that look like this one",
      jsonAnswer("SearchAnswer"),
      [],
      [
        "NO_QUERY",
        "SEVERAL_QUERIES",
        "BAD_FILTER",
        "UNKNOWN_FIELD",
        "INSTANCE_NOT_FOUND",
        "MODEL_MISMATCH",
        "BODY_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "UNSUPPORTED_IMAGE",
        "PIXEL_DATA_CORRUPT",
      ],
    ),
    requestBody: {
      required: true,
      content: { "multipart/form-data": { schema: form }, ...jsonBody("SearchBody") },
    },
  };
}

const USUAL_ERRORS: readonly ErrorCode[] = ["BAD_OPTION", "RATE_LIMITED", "INTERNAL", "ENGINE_UNAVAILABLE", "TIMEOUT"];

function operation(
  operationId: string,
  summary: string,
  ok: Json,
  parameters: Json[] = [],
  errors?: ErrorCode[],
): Json {
  const responses: Json = { "200": ok };
  for (const code of errors === undefined ? [] : [...errors, ...USUAL_ERRORS]) {
    const status = String(HTTP_STATUS[code]);
    const others = (responses[status] as Json | undefined)?.description;
    const meaning = `${code}: ${ERRORS[code].meaning}`;
    const description = others === undefined ? meaning : `${others} ${meaning}`;
    responses[status] = { description, content: jsonBody("ErrorAnswer") };
  }
  return { operationId, summary, ...(parameters.length > 0 ? { parameters } : {}), responses };
}

const jsonAnswer = (name: string): Json => ({ description: "OK", content: jsonBody(name) });
const anyJson = (description: string): Json => ({
  description,
  content: { "application/json": { schema: { type: "object" } } },
});

const idParameter = { name: "id", in: "path", required: true, schema: { type: "string", format: "uuid" } };

function facetParameters(schema: Json): Json[] {
  const required = (schema.required as string[] | undefined) ?? [];
  return Object.entries(schema.properties as Record<string, Json>).map(([name, property]) => {
    const { description, ...bare } = property;
    const said = { name, in: "query", required: required.includes(name), description };
    // A filter in a query string is JSON text: OpenAPI says so with a content type in place of a schema.
    return name === "filter"
      ? { ...said, content: { "application/json": { schema: bare } } }
      : { ...said, schema: bare };
  });
}

function payloadSchema(): Json {
  const fields: [string, PayloadField][] = Object.entries(PAYLOAD_FIELDS);
  const properties = fields.map(([name, field]) => {
    const value = valueSchema(field);
    const schema = field.many ? { type: "array", items: value } : value;
    return [name, { ...schema, description: field.meaning }];
  });
  return { type: "object", description: "Absent fields are unknown.", properties: Object.fromEntries(properties) };
}

function valueSchema({ kind }: PayloadField): Json {
  switch (kind) {
    case "keyword":
      return { type: "string" };
    case "datetime":
      return { type: "string", format: "date-time" };
    case "integer":
      return { type: "integer" };
    case "float":
      return { type: "number" };
    case "bool":
      return { type: "boolean" };
  }
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  // The cast: our own package.json, which npm would not install without a version.
  return (manifest as { version: string }).version;
}
