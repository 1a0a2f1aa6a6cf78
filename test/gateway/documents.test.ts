/** What is written for readers and clients says what the code does: docs/errors.md and /openapi.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApiDocument } from "../../gateway/openapi.js";
import { HTTP_STATUS } from "../../gateway/status.js";
import { ERRORS, type ErrorCode } from "../../schemas/index.js";

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe("docs/errors.md", () => {
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("| `"));
  const rows = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

  it("has one row a code, in the table's order and with its words", () => {
    const expected = CODES.map((code) => {
      const { kind, meaning, wayOut } = ERRORS[code];
      return [`\`${code}\``, kind, String(HTTP_STATUS[code]), meaning, wayOut];
    });
    assert.deepEqual(rows, expected);
  });
});

describe("the HTTP status of a code", () => {
  it("is 4xx exactly where the request is at fault", () => {
    // MODEL_MISMATCH and SOP_INSTANCE_CONFLICT are at odds with what is stored: 409, which is for the caller to solve.
    const conflicts: ErrorCode[] = ["MODEL_MISMATCH", "SOP_INSTANCE_CONFLICT"];
    for (const code of CODES) {
      const callers = ERRORS[code].kind === "input" || conflicts.includes(code);
      assert.equal(HTTP_STATUS[code] < 500, callers, code);
    }
  });
});

describe("/openapi.json", () => {
  it("is a valid OpenAPI 3.1 document", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(openApiDocument());
    assert.ok(valid, JSON.stringify(errors));
    assert.equal(validator.version, "3.1");
  });

  it("refers to schemas that are there", () => {
    const document = openApiDocument();
    const { schemas } = document.components as { schemas: Record<string, unknown> };
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g);
    const missing = [...references].map(([, name]) => name ?? "").filter((name) => !(name in schemas));
    assert.deepEqual(missing, []);
  });

  it("publishes the limits that requests are held to", () => {
    const { schemas } = openApiDocument().components as { schemas: Record<string, { properties: object }> };
    const properties = schemas.SearchBody?.properties as Record<string, { minimum?: number; maximum?: number }>;
    assert.deepEqual([properties.limit?.minimum, properties.limit?.maximum], [1, 1000]);
    assert.deepEqual([properties.candidateLimit?.minimum, properties.candidateLimit?.maximum], [1, 10_000]);
  });
});
