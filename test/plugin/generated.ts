/**
 * Generated embeddings and payloads for the plugin's tests and benchmarks: repeatable, clustered as a trained hash
 * layer clusters (so that codes tie), with payloads as wide as those of real images. None of it comes from a patient.
 */
import { type DafhPoint, pointId } from "../../plugin/index.js";
import type { Embedding, InstancePayload, ModelInfo } from "../../schemas/index.js";

export const TEST_MODEL: ModelInfo = {
  name: "generated-for-tests",
  digest: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
  hashBits: 64,
  prefixBits: [16, 32, 48, 64],
  featureSize: 256,
};

/** Mulberry32: equal seeds give equal sequences of numbers in [0, 1). */
export function randomGenerator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normally distributed with standard deviation 1 (Box–Muller). */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const CLUSTERS = 16;

export interface Generator {
  embedding(): Embedding;
  point(index: number): DafhPoint;
}

/** Embeddings around 16 centres; about one bit in twelve differs from its centre's. */
export function generator(seed: number, model: ModelInfo = TEST_MODEL): Generator {
  const random = randomGenerator(seed);
  // The centres are the same for every seed: a query's generator must fall among the stored points of another's.
  const ofCentres = randomGenerator(4711);
  const centres = Array.from({ length: CLUSTERS }, () => ({
    hash: Float32Array.from({ length: model.hashBits }, () => (ofCentres() < 0.5 ? -1 : 1)),
    features: Float32Array.from({ length: model.featureSize }, () => gaussian(ofCentres)),
  }));
  const around = (cluster: number): Embedding => {
    const centre = centres[cluster % CLUSTERS];
    if (centre === undefined) throw new Error("a cluster without a centre");
    return {
      hash: centre.hash.map((value) => value + 0.7 * gaussian(random)),
      features: centre.features.map((value) => value + 0.6 * gaussian(random)),
    };
  };
  return {
    embedding: () => around(Math.floor(random() * CLUSTERS)),
    point: (index) => {
      const embedding = around(Math.floor(random() * CLUSTERS));
      return { id: pointId(`2.25.${index}`, 1), embedding, payload: generatedPayload(index, random) };
    },
  };
}

const pick = <Value>(values: readonly Value[], random: () => number): Value => {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
};

/** As many fields as a CT slice has. 40 instances a series, 3 series a study, 2 studies a patient. */
function generatedPayload(index: number, random: () => number): InstancePayload {
  const series = Math.floor(index / 40);
  const study = Math.floor(series / 3);
  const digest = () => Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return {
    modality: pick(["CT", "MR", "PT"], random),
    bodyPartExamined: pick(["CHEST", "HEAD", "ABDOMEN", "PELVIS"], random),
    sopClassUid: "1.2.840.10008.5.1.4.1.1.2",
    sopInstanceUid: `2.25.${index}`,
    seriesInstanceUid: `2.25.9${series}`,
    studyInstanceUid: `2.25.99${study}`,
    frameOfReferenceUid: `2.25.999${study}`,
    patientKey: `generated-${Math.floor(study / 2)}`,
    studyDate: `20${10 + (study % 15)}-0${1 + (study % 9)}-1${study % 10}T00:00:00Z`,
    instanceNumber: index % 40,
    frame: 1,
    frames: 1,
    rows: 512,
    columns: 512,
    pixelSpacingMm: [0.7, 0.7],
    sliceThickness: pick([0.625, 1.25, 2.5, 5], random),
    slicePositionMm: (index % 40) * 2.5,
    imageType: ["ORIGINAL", "PRIMARY", "AXIAL"],
    manufacturer: pick(["A", "B", "C"], random),
    manufacturerModelName: pick(["One", "Two", "Three"], random),
    convolutionKernel: ["B30f"],
    kvp: 120,
    patientSex: pick(["M", "F"], random),
    patientAgeYears: 20 + Math.floor(random() * 70),
    units: "HU",
    pixelDigest: digest(),
    contentDigest: digest(),
    synthetic: true,
  };
}
