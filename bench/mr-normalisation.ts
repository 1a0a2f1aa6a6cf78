/**
 * How far another scanner moves an MR image: real stored values are altered as scanners and exports differ, normalised
 * by the present rule and by others, and compared with the unaltered image under the same rule: in [0, 1], in the code
 * and in the features of the committed network, which learned from the present rule alone.
 *
 *     node dist/bench/mr-normalisation.js DICOM_FOLDER [PICTURES_FOLDER] [--images 32]
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { initCodecs, openDicom } from "../encoder/dicom/index.js";
import { Network, PACKAGED_MODELS, readModel } from "../encoder/model/index.js";
import { type GreyImage, readImageFile, toNetworkInput } from "../encoder/pixels/index.js";
import { toUnitRange } from "../encoder/pixels/intensity.js";
import { percentileInPlace } from "../encoder/pixels/percentile.js";
import { hammingDistance } from "../plugin/index.js";
import { DafhError, type Embedding, packCode } from "../schemas/index.js";
import { machine, printTable } from "./measure.js";

type Values = Float32Array;
/** To [0, 1] and beyond; what is outside is cut off. */
type Rule = (image: GreyImage) => Values;

const RULES: Readonly<Record<string, Rule>> = {
  "present: 0.5 % and 99.5 % of the foreground": toUnitRange,
  "least and greatest": ({ values }) => between(values, quantile(values, 0), quantile(values, 1)),
  "0.5 % and 99.5 % of all": ({ values }) => between(values, quantile(values, 0.005), quantile(values, 0.995)),
  "0.5 % and 99 % of the foreground": ({ values }) => foregroundRule(values, 0.99),
  "0.5 % and 99.9 % of the foreground": ({ values }) => foregroundRule(values, 0.999),
  "0.5 %, and the foreground's median at 0.4": ({ values }) => {
    const dark = quantile(values, 0.005);
    return between(values, dark, dark + (quantile(foreground(values), 0.5) - dark) / 0.4);
  },
};

/** What is asked of a rule under each: the same picture. `bright`: the unaltered image's 99.5th percentile. */
const ALTERATIONS: Readonly<Record<string, (image: GreyImage, bright: number, random: () => number) => GreyImage>> = {
  "gain × 0.25, whole numbers": (image) => mapped(image, (value) => Math.round(value / 4)),
  "gain × 4": (image) => mapped(image, (value) => value * 4),
  "offset + 20 % of the range": (image, bright) => mapped(image, (value) => value + bright / 5),
  "stretched to 16 bits": (image) => {
    const most = quantile(image.values, 1);
    return mapped(image, (value) => Math.round((value / most) * 65_535));
  },
  "coil's field, 0.7 to 1.3 across": (image) =>
    mapped(image, (value, x, y) => value * (1 + 0.3 * x) * (1 - 0.1 * y * y)),
  "noise, 3 % of the range (Rician)": (image, bright, random) =>
    mapped(image, (value) => Math.hypot(value + 0.03 * bright * normal(random), 0.03 * bright * normal(random))),
  "20 hot pixels, ten times as bright": (image, bright, random) => {
    const values = image.values.slice();
    for (let pixel = 0; pixel < 20; pixel++) values[Math.floor(random() * values.length)] = 10 * bright;
    return { ...image, values };
  },
  "a marker burned in, 1 % of the image, twice as bright": (image, bright) => {
    const [height, width] = [Math.ceil(image.rows / 20), Math.ceil(image.columns / 5)];
    return mapped(image, (value, x, y) => {
      const [column, row] = [((x + 1) / 2) * image.columns, ((y + 1) / 2) * image.rows];
      return column < width && row < height ? 2 * bright : value;
    });
  },
  "a black border, a quarter of the size on each side": (image) => bordered(image),
};

const { values: flags, positionals } = parseArgs({
  options: { images: { type: "string", default: "32" } },
  allowPositionals: true,
});
const [dicomFolder, picturesFolder] = positionals;
if (dicomFolder === undefined) throw new Error("Name a folder of DICOM files.");
const wanted = Number(flags.images);
await initCodecs();
const groups: [string, GreyImage[]][] = [["MR DICOM files", mrImages(dicomFolder)]];
if (picturesFolder !== undefined) {
  groups.push(["MR pictures, their grey taken for stored values", await mrPictures(picturesFolder)]);
}
const network = await Network.open(await readModel(PACKAGED_MODELS), 2, {});
console.log(`${machine()}\n`);
for (const [name, images] of groups) {
  console.log(`\n${images.length} ${name}. Each cell: mean absolute difference in [0, 1] × 1,000 · bits of 64 that`);
  console.log("differ · cosine distance of the features × 1,000 · images that find themselves first, %\n");
  const rows: string[][] = Object.keys(ALTERATIONS).map((alteration) => [alteration]);
  for (const rule of Object.values(RULES)) {
    const plain = await Promise.all(images.map((image) => see(image, rule)));
    for (const [index, alter] of Object.values(ALTERATIONS).entries())
      rows[index]?.push(await cell(images, plain, rule, alter));
  }
  printTable(["", ...Object.keys(RULES)], rows);
}
await network.close();

async function cell(
  images: readonly GreyImage[],
  plain: readonly Seen[],
  rule: Rule,
  alter: (image: GreyImage, bright: number, random: () => number) => GreyImage,
): Promise<string> {
  const sums = { moved: 0, bits: 0, distance: 0, first: 0 };
  const altered = images.map((image, index) => alter(image, quantile(image.values, 0.995), seeded(index + 1)));
  const seen = await Promise.all(altered.map((image) => see(image, rule)));
  for (const [index, { unit, embedding }] of seen.entries()) {
    const [image, after, own] = [images[index], altered[index], plain[index]];
    if (image === undefined || after === undefined || own === undefined) continue;
    const distances = plain.map((one) => cosineDistance(one.embedding.features, embedding.features));
    sums.moved += meanDifference(own.unit, inside(unit, after, image));
    sums.bits += hammingDistance(packCode(own.embedding.hash), packCode(embedding.hash));
    sums.distance += distances[index] ?? 0;
    if (Math.min(...distances) === distances[index]) sums.first += 1;
  }
  const mean = (sum: number, unitOf: number, digits: number) => ((sum / images.length) * unitOf).toFixed(digits);
  return [
    mean(sums.moved, 1_000, 0),
    mean(sums.bits, 1, 1),
    mean(sums.distance, 1_000, 0),
    mean(sums.first, 100, 0),
  ].join(" · ");
}

interface Seen {
  /** In [0, 1]. */
  readonly unit: Values;
  readonly embedding: Embedding;
}

async function see(image: GreyImage, rule: Rule): Promise<Seen> {
  const unit = rule(image).map((value) => (value > 0 ? Math.min(value, 1) : 0));
  // Through the product's own way for pictures, whose greys are let through as they are.
  const picture: GreyImage = { ...image, values: unit.map((value) => value * 255), scale: "display" };
  const { embedding } = await network.run(new Float32Array(toNetworkInput(picture)));
  return { unit, embedding };
}

/** Evenly over all files, so that every series has its say. */
function mrImages(folder: string): GreyImage[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".dcm"));
  const images = names.sort().flatMap((name) => {
    try {
      const instance = openDicom(readFileSync(join(folder, name)));
      if (instance.attributes(undefined).modality !== "MR") return [];
      const image = instance.greyFrame(Math.ceil(instance.frames / 2));
      return image.scale === "relative" ? [image] : [];
    } catch (thrown) {
      if (thrown instanceof DafhError) return []; // The hostile files among them.
      throw thrown;
    }
  });
  return evenly(images);
}

async function mrPictures(folder: string): Promise<GreyImage[]> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const chosen = evenly(names.filter((name) => /\/MR_[^/]*\/[^/]*\.(?:png|jpg)$/.test(name)).sort());
  const images = await Promise.all(chosen.map((name) => readImageFile(readFileSync(join(folder, name)))));
  return images.map((image) => ({ ...image, scale: "relative" }));
}

function evenly<Item>(items: readonly Item[]): Item[] {
  const step = Math.max(1, items.length / wanted);
  return Array.from({ length: Math.min(wanted, items.length) }, (_, index) => items[Math.floor(index * step)]).filter(
    (item) => item !== undefined,
  );
}

/** @param change is told where: −1 to 1 across and down */
function mapped(image: GreyImage, change: (value: number, x: number, y: number) => number): GreyImage {
  const { rows, columns } = image;
  const values = image.values.map((value, index) =>
    change(value, ((index % columns) / columns) * 2 - 1, (Math.floor(index / columns) / rows) * 2 - 1),
  );
  return { ...image, values };
}

function bordered(image: GreyImage): GreyImage {
  const [top, left] = [Math.floor(image.rows / 4), Math.floor(image.columns / 4)];
  const [rows, columns] = [image.rows + 2 * top, image.columns + 2 * left];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < image.rows; row++) {
    const line = image.values.subarray(row * image.columns, (row + 1) * image.columns);
    values.set(line, (row + top) * columns + left);
  }
  return { ...image, rows, columns, values };
}

/** Where a border was put around, what lies in it. */
function inside(values: Values, { columns, rows }: GreyImage, image: GreyImage): Values {
  if (rows === image.rows) return values;
  const [top, left] = [(rows - image.rows) / 2, (columns - image.columns) / 2];
  return image.values.map((_, index) => {
    const row = Math.floor(index / image.columns) + top;
    return values[row * columns + left + (index % image.columns)] ?? 0;
  });
}

function between(values: Values, dark: number, bright: number): Values {
  return values.map((value) => (value - dark) / (bright - dark));
}

function foregroundRule(values: Values, fraction: number): Values {
  return between(values, quantile(values, 0.005), quantile(foreground(values), fraction));
}

/** As `encoder/pixels/intensity.ts` has it. */
function foreground(values: Values): Values {
  const dark = quantile(values, 0.005);
  const threshold = dark + 0.05 * (quantile(values, 0.995) - dark);
  return values.filter((value) => value > threshold);
}

function quantile(values: Values, fraction: number): number {
  return percentileInPlace(values.slice(), fraction);
}

function meanDifference(one: Values, other: Values): number {
  return one.reduce((sum, value, index) => sum + Math.abs(value - (other[index] ?? 0)), 0) / one.length;
}

function cosineDistance(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  return 1 - dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
