#!/usr/bin/env node
/**
 * Makes the two generated files of `encoder/dicom/deidentify/` from published data: the de-identification table and the
 * list of safe private attributes from PS3.15 (its DocBook XML, as NEMA publishes it), and every standard attribute's
 * value representation from dcmjs's copy of PS3.6. Run it on a new edition and read the difference before it is taken.
 *
 *   node scripts/generate-deid-table.mjs part15.xml
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dictionary } from "dcmjs/dictionary";

const FOLDER = new URL("../encoder/dicom/deidentify/", import.meta.url);

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: node scripts/generate-deid-table.mjs part15.xml\n");
  process.exit(2);
}
const xml = readFileSync(path, "utf8");
const digest = createHash("sha256").update(xml).digest("hex");
const edition = /<subtitle>DICOM (PS3\.15 \d{4}[a-z])/.exec(xml)?.[1];
if (edition === undefined) throw new Error("the file does not say which edition of PS3.15 it is");

const standard = new Map(
  Object.values(dictionary)
    .filter(({ tag }) => /^\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)$/.test(tag))
    .map(({ tag, name, vr }) => [tag.toUpperCase(), { keyword: name.replace(/^RETIRED_/, ""), vr }]),
);

/** Cells of a table of the DocBook file, as text. */
function tableRows(id) {
  const start = xml.indexOf(`xml:id="${id}"`);
  if (start < 0) throw new Error(`the file has no table ${id}`);
  const body = xml.slice(xml.indexOf("<tbody>", start), xml.indexOf("</table>", start));
  return [...body.matchAll(/<tr\b[\s\S]*?<\/tr>/g)].map(([row]) =>
    [...row.matchAll(/<td\b[^>]*?(?:\/>|>([\s\S]*?)<\/td>)/g)].map(([, cell]) => textOf(cell ?? "")),
  );
}

function textOf(markup) {
  return markup
    .replace(/<[^>]*>/g, "")
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&")
    .replaceAll("\u200b", "")
    .replace(/\s+/g, " ")
    .trim();
}

/** Columns of Table E.1-1 after the basic profile's, by the names used in `profile.ts`; null is a column not offered. */
const OPTION_COLUMNS = [
  "safePrivate",
  "uids",
  "device",
  null,
  "patient",
  "fullDates",
  "shiftedDates",
  "descriptors",
  null,
  null,
];

function profileRows() {
  const rows = [];
  for (const [name, tag, , , basic, ...options] of tableRows("table_E.1-1")) {
    if (!/^\([0-9A-F]{4},[0-9A-F]{4}\)$/.test(tag)) continue; // Curves, overlays and private attributes are rules in the code.
    if (options.length !== OPTION_COLUMNS.length) throw new Error(`${tag}: ${options.length} option columns`);
    const codes = OPTION_COLUMNS.flatMap((option, index) =>
      option === null || options[index] === "" ? [] : [`${option}: "${options[index]}"`],
    );
    const keyword = standard.get(tag)?.keyword ?? keywordOf(name);
    const number = `0x${tag.slice(1, 5)}${tag.slice(6, 10)}`.toLowerCase();
    rows.push({
      number,
      text: `  [${number}, "${keyword}", "${basic}"${codes.length > 0 ? `, { ${codes.join(", ")} }` : ""}],`,
    });
  }
  return rows.sort((a, b) => Number(a.number) - Number(b.number)).map(({ text }) => text);
}

/** For attributes that are newer than the dictionary: PS3.6 makes keywords from names by leaving out what is no letter. */
function keywordOf(name) {
  return name
    .replace(/'s\b/g, "")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** Numbers and code strings only: the table also lists text, documents and sequences, whose content nobody vouches for. */
const SAFE_REPRESENTATIONS = new Set(["CS", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"]);

function safePrivateRows() {
  return tableRows("table_E.3.10-1")
    .filter(([tag, , vr]) => SAFE_REPRESENTATIONS.has(vr) && /^\([0-9A-F]{4},xx[0-9A-Fa-f]{2}\)$/.test(tag))
    .map(
      ([tag, creator, vr]) =>
        `  [0x${tag.slice(1, 5).toLowerCase()}, ${JSON.stringify(creator)}, 0x${tag.slice(8, 10).toLowerCase()}, "${vr}"],`,
    );
}

/** Representations that PS3.6 leaves open, as one that the reader may assume: the pixel's sign is not looked up here. */
const OPEN_REPRESENTATIONS = { ox: "OW", xs: "US", up: "UL", lt: "OW" };

function representationRows() {
  const byVr = new Map();
  for (const [tag, { vr: stated }] of standard) {
    const vr = OPEN_REPRESENTATIONS[stated] ?? stated;
    const group = Number.parseInt(tag.slice(1, 5), 16);
    if (!/^[A-Z]{2}$/.test(vr ?? "") || group % 2 === 1 || group < 8) continue;
    const tags = byVr.get(vr) ?? [];
    tags.push(`${tag.slice(1, 5)}${tag.slice(6, 10)}`.toLowerCase());
    byVr.set(vr, tags);
  }
  const lines = [];
  for (const [vr, tags] of [...byVr].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`  ${vr}: \``);
    const sorted = tags.sort();
    for (let start = 0; start < sorted.length; start += 12) lines.push(sorted.slice(start, start + 12).join(" "));
    lines.push("`,");
  }
  return lines;
}

const { version } = JSON.parse(readFileSync(new URL("../node_modules/dcmjs/package.json", import.meta.url), "utf8"));
const profile = profileRows();
const safePrivate = safePrivateRows();
writeFileSync(
  new URL("profile-table.generated.ts", FOLDER),
  `/**
 * Generated by scripts/generate-deid-table.mjs; do not edit. What Table E.1-1 of ${edition} says of each attribute,
 * and the numbers and code strings of its Table E.3.10-1, from the standard's DocBook XML with the SHA-256
 * ${digest}.
 */

export const PROFILE_EDITION = "${edition}";

/** Tag, keyword, action of the basic profile, actions of the options that are offered. */
// biome-ignore format: one attribute a line, as in the standard
export const PROFILE_TABLE = [
${profile.join("\n")}
] as const;

/** Group, private creator, low byte of the element number, value representation. */
// biome-ignore format: one attribute a line, as in the standard
export const SAFE_PRIVATE_TABLE = [
${safePrivate.join("\n")}
] as const;
`,
);
writeFileSync(
  new URL("representation-table.generated.ts", FOLDER),
  `/**
 * Generated by scripts/generate-deid-table.mjs; do not edit. Tags of PS3.6 by value representation, from the
 * dictionary of dcmjs ${version}.
 */

export const TAGS_BY_REPRESENTATION: Readonly<Record<string, string>> = {
${representationRows().join("\n")}
};
`,
);
process.stdout.write(`${edition}: ${profile.length} attributes, ${safePrivate.length} safe private ones\n`);
