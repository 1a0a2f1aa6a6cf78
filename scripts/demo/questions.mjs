/** The demo's three questions, how they are put to the gateway over HTTP, and how its answers are shown. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { SetupError } from "../setup.mjs";

const RESULTS = 6;
/** How many images are tried for a question about a folder that is not known. */
const TRIES = 10;

/** For the demo's own images. */
export function ownQuestions({ real, synthetic }) {
  return [
    { title: "What looks like this MR slice of a head?", image: join(real, "volume", "brain_010.dcm"), fields: {} },
    {
      title: "Which PET slices look like this synthetic one of a chest?",
      image: join(synthetic, "SYN-02", "PT_CHEST_FDG", "03.dcm"),
      fields: { modality: "PT" },
    },
    {
      title: "Which abdomens in slices of 5 mm or less look like this synthetic CT slice?",
      image: join(synthetic, "SYN-01", "CT_ABDOMEN", "05.dcm"),
      fields: {
        filter: JSON.stringify({
          must: [
            { key: "bodyPartExamined", match: { value: "ABDOMEN" } },
            { key: "sliceThickness", range: { lte: 5 } },
          ],
        }),
      },
    },
  ];
}

/** For a folder that is not known: three of its images, the modality that it has most of, a field that it fills. */
export async function questionsAbout(url, { paths }, { refused }) {
  const [folder] = paths;
  const accepted = await imagesIn(folder, new Set(refused.map(({ path }) => path)));
  if (accepted.length === 0)
    throw new SetupError(`No image lies in ${folder} itself or below it: links are not followed for the questions.`);
  const at = (part) => accepted.slice(Math.min(accepted.length - 1, Math.floor(accepted.length * part)));
  const first = (field) => facet(url, field).then(([top]) => top?.value);
  const modality = await first("modality");
  const questions = [{ title: "What looks like this image?", image: at(0), fields: {} }];
  if (modality !== undefined) {
    questions.push({ title: `Which ${modality} images look like this one?`, image: at(0.5), fields: { modality } });
  }
  for (const field of ["bodyPartExamined", "manufacturer", "patientSex", "modality"]) {
    const value = await first(field);
    if (value === undefined) continue;
    const filter = JSON.stringify({ must: [{ key: field, match: { value } }] });
    questions.push({
      title: `Which images with ${field} ${value} look like this one?`,
      image: at(1),
      fields: { filter },
    });
    break;
  }
  return questions;
}

export async function ask(url, { title, image: images, fields }, say) {
  const { table } = await import("../../dist/cli/output.js");
  const { image, answer, wholeMs } = await firstAnswer(url, [images].flat().slice(0, TRIES), fields);
  const { results, timingsMs, query, plan } = answer;
  say(`\n${title}`);
  const asked = Object.entries(fields).map(([name, value]) => ` · ${name} ${value}`);
  say(
    `  query: ${basename(image)} · ${query.attributes?.modality ?? "no modality"} · code ${query.code}${asked.join("")}`,
  );
  const header = ["rank", "modality", "Hamming", "similarity", "body part", "slice", "maker", "origin"];
  const rows = results.map(({ rank, modality, hammingDistance, score, payload }) => [
    rank,
    modality ?? "–",
    hammingDistance,
    score.toFixed(4),
    payload.bodyPartExamined ?? "–",
    payload.instanceNumber ?? payload.frame ?? "–",
    payload.manufacturer ?? "–",
    payload.synthetic === true ? "synthetic" : "acquired",
  ]);
  for (const line of table(header, rows)) say(`  ${line}`);
  const ms = (value) => `${value.toFixed(1)} ms`;
  say(
    `  ${plan.mode}: ${ms(timingsMs.encode)} encoding, ${ms(timingsMs.engine)} in Qdrant, ` +
      `${ms(timingsMs.total)} in the gateway, ${ms(wholeMs)} for this client`,
  );
}

/** A user's image may be none to search by, such as a stack that begins with an empty frame: then the next is taken. */
async function firstAnswer(url, images, fields) {
  let refusal = "";
  for (const image of images) {
    const form = new FormData();
    form.set("image", new Blob([readFileSync(image)]), "query");
    for (const [name, value] of Object.entries({ limit: RESULTS, ...fields })) form.set(name, String(value));
    const startMs = performance.now();
    const response = await fetch(`${url}/v1/search`, { method: "POST", body: form });
    const answer = await response.json();
    const wholeMs = performance.now() - startMs;
    if (response.ok) return { image, answer, wholeMs };
    refusal = `The gateway answered ${response.status}: ${answer.error?.code ?? ""} ${answer.error?.message ?? ""}`;
  }
  throw new SetupError(refusal);
}

async function facet(url, field) {
  const response = await fetch(`${url}/v1/facets?field=${field}&limit=1`);
  if (!response.ok) throw new Error(`The gateway answered ${response.status} for the facet ${field}.`);
  const { values } = await response.json();
  return values;
}

/** Files below a folder that were not refused, in order; folders reached by links are left out here. */
async function imagesIn(folder, refused) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => !refused.has(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .sort((a, b) => (relative(folder, a) < relative(folder, b) ? -1 : 1));
}
