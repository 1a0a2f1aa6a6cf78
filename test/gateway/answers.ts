/** Holds answers to the schemas that /openapi.json publishes. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { openApiDocument } from "../../gateway/openapi.js";
import type { ErrorAnswer, SearchAnswer } from "../../schemas/dto.js";
import type { ErrorCode } from "../../schemas/index.js";

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(openApiDocument(), "openapi");

/** The body, once it has the published form. */
export async function answerOf<Answer>(response: Response, schema: string): Promise<Answer> {
  const body: unknown = await response.json();
  const validate = ajv.getSchema(`openapi#/components/schemas/${schema}`);
  assert.ok(validate !== undefined, `there is no schema ${schema}`);
  assert.ok(validate(body), `not a ${schema}: ${ajv.errorsText(validate.errors)}`);
  return body as Answer;
}

export async function searchAnswer(response: Response): Promise<SearchAnswer> {
  assert.equal(response.status, 200, await response.clone().text());
  return answerOf<SearchAnswer>(response, "SearchAnswer");
}

/** The refusal must have this status and one of these codes, and the form of every error. */
export async function refusal(response: Response, status: number, ...codes: ErrorCode[]): Promise<ErrorAnswer> {
  const text = await response.clone().text();
  assert.equal(response.status, status, text);
  const answer = await answerOf<ErrorAnswer>(response, "ErrorAnswer");
  assert.ok(codes.includes(answer.error.code), text);
  assert.equal(answer.requestId, response.headers.get("x-request-id"));
  return answer;
}
