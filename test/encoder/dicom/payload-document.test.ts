/** docs/payload.md lists the payload's fields as the code has them; `DAFH_UPDATE_DOCS=1` writes its table anew. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { DICTIONARY, formatTag } from "../../../encoder/dicom/dictionary.js";
import { PAYLOAD_FIELDS, type PayloadField } from "../../../schemas/index.js";

const document = new URL("../../../../docs/payload.md", import.meta.url);
const TABLE = /\| Field \|.*?\n(?=\n)/s;

function fieldsTable(): string {
  const lines = Object.entries<PayloadField>(PAYLOAD_FIELDS).map(([name, field]) => {
    const type = field.many ? `${field.kind}, several` : field.kind;
    return `| \`${name}\` | ${type} | ${field.indexed ? "yes" : "no"} | ${sourceOf(field.source)} | ${field.meaning} |`;
  });
  return ["| Field | Type | Indexed | DICOM attribute | Meaning |", "|---|---|---|---|---|", ...lines, ""].join("\n");
}

function sourceOf(keyword: string | null): string {
  if (keyword === null) return "–";
  const entry = Object.entries(DICTIONARY).find(([name]) => name === keyword);
  assert.ok(entry !== undefined, `${keyword} is not in the dictionary`);
  return `${keyword} ${formatTag(entry[1].tag)}`;
}

describe("docs/payload.md", () => {
  it("has the table of fields that the code has", () => {
    const text = readFileSync(document, "utf8");
    if (process.env.DAFH_UPDATE_DOCS === "1") writeFileSync(document, text.replace(TABLE, fieldsTable()));
    assert.equal(TABLE.exec(readFileSync(document, "utf8"))?.[0], fieldsTable());
  });
});
