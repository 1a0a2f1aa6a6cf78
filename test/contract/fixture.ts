/**
 * What the contract is held against: one small collection whose every distance and every filter's answer can be
 * worked out by hand. The codes are 16 bits; point number n (in this order) differs from the all-ones query in n bits.
 */
import assert from "node:assert/strict";
import type { RunningEngine } from "../support/engine.js";

export const HASH_BITS = 16;
const FEATURE_SIZE = 4;
export const UUID_A = "11111111-1111-4111-8111-111111111111";
export const UUID_B = "22222222-2222-4222-8222-222222222222";

export type Id = number | string;

export interface FixturePoint {
  readonly id: Id;
  readonly payload: Record<string, unknown>;
}

const BERLIN = { lon: 13.4, lat: 52.52 };
const PARIS = { lon: 2.35, lat: 48.86 };

/** In the order of their Hamming distance from the all-ones code: 0, 1, 2 … */
export const POINTS: readonly FixturePoint[] = [
  {
    id: 1,
    payload: {
      modality: "CT",
      region: "CHEST",
      thickness: 1.25,
      frame: 1,
      date: "2020-01-15T00:00:00Z",
      synthetic: false,
      series: "s1",
      study: 100,
      tags: ["chest", "contrast"],
      findings: [
        { name: "nodule", sizeMm: 4 },
        { name: "cyst", sizeMm: 12 },
      ],
      site: BERLIN,
      note: "small nodule in the left lung",
      device: { maker: "Acme", model: "One" },
    },
  },
  {
    id: 2,
    payload: {
      modality: "CT",
      region: "CHEST",
      thickness: 5,
      frame: 2,
      date: "2020-03-01T08:30:00Z",
      synthetic: false,
      series: "s1",
      study: 100,
      tags: ["chest"],
      findings: [{ name: "nodule", sizeMm: 15 }],
      site: BERLIN,
      note: "large nodule in the right lung",
      device: { maker: "Acme", model: "Two" },
    },
  },
  {
    id: 3,
    payload: {
      modality: "CT",
      region: "HEAD",
      thickness: 0.6,
      frame: 1,
      date: "2021-06-30T12:30:00Z",
      synthetic: true,
      series: "s2",
      study: 200,
      tags: [],
      findings: [],
      label: null,
      site: PARIS,
      note: "no finding",
      device: { maker: "Bolt", model: "One" },
    },
  },
  {
    id: 4,
    payload: {
      modality: "MR",
      region: "HEAD",
      thickness: 3,
      frame: 1,
      date: "2021-06-30T23:59:59Z",
      synthetic: true,
      series: "s3",
      study: 200,
      label: "tumour",
      site: PARIS,
    },
  },
  {
    id: 5,
    payload: { modality: "MR", region: "HEAD", thickness: 1, frame: 3, series: "s3", study: 300, label: "tumour" },
  },
  {
    id: 6,
    payload: { modality: "MR", region: "KNEE", thickness: 4, frame: 4, series: "s4", study: 300, synthetic: true },
  },
  {
    id: 7,
    payload: { modality: "PT", region: "BODY", thickness: 3.27, frame: 1, series: "s5", study: 400, label: "benign" },
  },
  {
    id: 8,
    payload: {
      modality: "PT",
      region: "CHEST",
      thickness: 2,
      frame: 2,
      series: "s5",
      study: 400,
      label: ["benign", "tumour"],
    },
  },
  { id: 9, payload: { modality: "PT", region: "CHEST", frame: 3, series: "s5", study: 400, label: [] } },
  { id: 10, payload: { modality: "CT", region: "ABDOMEN", thickness: -1, frame: 7, series: "s6", study: 500 } },
  { id: UUID_A, payload: { modality: "MR", region: "ABDOMEN", thickness: 6, frame: 1, series: "s7", study: 600 } },
  { id: UUID_B, payload: { modality: "CT", thickness: 10, frame: 2, series: "s7", study: 600 } },
];

export const ALL_IDS: readonly Id[] = POINTS.map((point) => point.id);

/** The query code whose bits are all 1. */
export const ALL_ONES: number[] = new Array<number>(HASH_BITS).fill(1);

/**
 * The code of the n-th point, as floats: its first n bits are 0. Zero and negative values stand for a 0 bit; the sizes
 * grow with n, so that a comparison of the floats themselves would rank the points otherwise.
 */
export function hashOf(n: number): number[] {
  return ALL_ONES.map((_, bit) => (bit < n ? (bit % 2 === 0 ? 0 : -0.01) : 0.1 * (n + 1)));
}

/** A direction in a plane, n × 10° from the first axis. Lengths differ; the distance is the cosine. */
export function featuresOf(n: number): number[] {
  const angle = (n * 10 * Math.PI) / 180;
  return [Math.cos(angle) * (n + 1), Math.sin(angle) * (n + 1), 0, 0];
}

/** Payload indexes of the fixture, by field. */
export const INDEXES = {
  modality: "keyword",
  region: "keyword",
  series: "keyword",
  label: "keyword",
  tags: "keyword",
  study: "integer",
  frame: "integer",
  thickness: "float",
  date: "datetime",
  synthetic: "bool",
  site: "geo",
} as const;

export interface Contract extends RunningEngine {
  /** The fixture's collection. Cases read it; those that write make a collection of their own. */
  readonly collection: string;
  /** A new collection of the fixture's shape, empty unless `filled`, removed at the end. */
  scratch(filled?: boolean): Promise<string>;
  /** A request as it stands, for what the client's types do not allow. */
  raw(method: string, path: string, body?: unknown): Promise<{ status: number; error: string; result: unknown }>;
}

export const COLLECTION_SHAPE = {
  vectors: {
    hash: {
      size: HASH_BITS,
      distance: "Dot" as const,
      on_disk: true,
      hnsw_config: { m: 0 },
      quantization_config: { binary: { always_ram: true } },
    },
    features: { size: FEATURE_SIZE, distance: "Cosine" as const, datatype: "float16" as const, hnsw_config: { m: 0 } },
  },
  sparse_vectors: { text: {} },
};

/** Opens the contract's ground on an engine; `close` removes every collection it made. */
export async function openContract(engine: RunningEngine): Promise<Contract> {
  const { client } = engine;
  const prefix = `contract-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const made: string[] = [];
  const make = async (filled: boolean): Promise<string> => {
    const name = `${prefix}-${made.length}`;
    made.push(name);
    // The client's own createCollection leaves the metadata out.
    await client.api().createCollection({
      collection_name: name,
      ...COLLECTION_SHAPE,
      metadata: { model: "fixture", bits: HASH_BITS },
    });
    if (filled) await fill(engine, name);
    return name;
  };
  return {
    ...engine,
    collection: await make(true),
    scratch: (filled = false) => make(filled),
    raw: (method, path, body) => request(engine, method, path, body),
    close: async () => {
      for (const name of made) await client.deleteCollection(name);
      await engine.close();
    },
  };
}

async function fill({ client }: RunningEngine, name: string): Promise<void> {
  for (const [field, schema] of Object.entries(INDEXES)) {
    await client.createPayloadIndex(name, { field_name: field, field_schema: schema, wait: true });
  }
  await client.createPayloadIndex(name, {
    field_name: "note",
    field_schema: { type: "text", tokenizer: "word", lowercase: true, phrase_matching: true },
    wait: true,
  });
  await client.upsert(name, {
    wait: true,
    points: POINTS.map(({ id, payload }, n) => ({
      id,
      payload,
      vector: {
        hash: hashOf(n),
        features: featuresOf(n),
        // Every other point has words.
        ...(n % 2 === 0 ? { text: { indices: [1, 10 + n], values: [1, 0.5] } } : {}),
      },
    })),
  });
}

async function request({ url, apiKey }: RunningEngine, method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...(apiKey === undefined ? {} : { "api-key": apiKey }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer: { status?: { error?: string } | string; result?: unknown } = text.startsWith("{")
    ? JSON.parse(text)
    : {};
  const error = typeof answer.status === "object" ? (answer.status.error ?? "") : "";
  return {
    status: response.status,
    error: error === "" && answer.status === undefined ? text : error,
    result: answer.result,
  };
}

/** One behaviour that every engine has. */
export interface Case {
  readonly title: string;
  readonly run: (contract: Contract) => Promise<void>;
}

/** Ids in an order that does not depend on the engine's. */
export function sorted(ids: Iterable<Id>): Id[] {
  return [...ids].sort((one, other) => ALL_IDS.indexOf(one) - ALL_IDS.indexOf(other));
}

/** Comparing codes only, so that the score is K − 2 · Hamming. */
export const HAMMING = { quantization: { rescore: false } };
/** The Hamming stage for the all-ones code. */
export const byCode = (limit: number) => ({ query: ALL_ONES, using: "hash", limit, params: HAMMING });
export const idsOf = (answer: { points: { id: string | number }[] }): (string | number)[] =>
  answer.points.map((point) => point.id);
/** Fails where two scores differ by more than `within`: half precision is what features are stored in. */
export const near = (actual: number | undefined, expected: number, within = 2e-3): void =>
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= within,
    `${actual} is not within ${within} of ${expected}`,
  );
export const query = (contract: Contract, body: Parameters<Contract["client"]["query"]>[1]) =>
  contract.client.query(contract.collection, body);
export const cosine = (degrees: number): number => Math.cos((degrees * Math.PI) / 180);

/** A dense vector of a point that was asked for with it. */
export function vectorOf(point: { vector?: unknown } | undefined, name: string): number[] {
  assert.ok(point !== undefined && typeof point.vector === "object" && point.vector !== null, "the point has vectors");
  const vector = (point.vector as Record<string, unknown>)[name];
  assert.ok(Array.isArray(vector), `the point has the vector ${name}`);
  return vector;
}
