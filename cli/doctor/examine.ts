/** The checks of `dafh doctor`, in the order in which things depend on each other. Nothing is changed by them. */
import { constants } from "node:fs";
import { access, mkdtemp, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openEncoder } from "../../encoder/index.js";
import { DafhCollection } from "../../plugin/index.js";
import { asDafhError, type DafhError, type EncoderInfo, type ModelInfo } from "../../schemas/index.js";
import { type CliConfig, connectionOf } from "../config.js";

export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do; absent where all is well. */
  readonly wayOut?: string;
}

const OLDEST_NODE = [20, 19] as const;
const LITTLE_SPACE_BYTES = 2 * 1024 ** 3;

export async function examine(config: CliConfig): Promise<readonly Finding[]> {
  const findings = [nodeVersion(process.versions.node), ...(await dataFolder(config.dataDir))];
  const { finding, info } = await encoder(config);
  findings.push(finding);
  if (info === undefined) {
    const message = "not checked: the network's sizes are needed for it";
    return [...findings, { name: "engine", status: "warn", message, wayOut: "Mend the encoder first." }];
  }
  if (config.qdrant !== null || (await isThere(config.dataDir))) {
    return [...findings, ...(await engine(config, info.model))];
  }
  // The embedded engine would make the folder; where there is none yet, it is tried in one that goes away again.
  const dataDir = await mkdtemp(join(tmpdir(), "dafh-doctor-"));
  try {
    return [...findings, ...(await engine({ ...config, dataDir }, info.model))];
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return ok("node", version);
  const wayOut = `Install Node ${OLDEST_NODE.join(".")} or newer.`;
  return { name: "node", status: "fail", message: `${version} is too old`, wayOut };
}

async function dataFolder(dataDir: string): Promise<Finding[]> {
  const name = "data folder";
  const status = await stat(dataDir).catch(() => undefined); // What is not there yet is made by the first ingestion.
  const place = status === undefined ? await nearestFolder(dataDir) : dataDir;
  const findings: Finding[] = [];
  try {
    await access(place, constants.W_OK | constants.X_OK);
    findings.push(ok(name, status === undefined ? `${dataDir} is made by the first ingestion` : dataDir));
  } catch {
    const wayOut = "Give yourself the right to write there, or name another folder with --data.";
    return [{ name, status: "fail", message: `${place} cannot be written`, wayOut }];
  }
  if (status !== undefined && (status.mode & 0o077) !== 0) {
    const message = `others can enter ${dataDir}`;
    findings.push({ name, status: "warn", message, wayOut: `chmod 700 '${dataDir}'` });
  }
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  const message = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  findings.push(
    free >= LITTLE_SPACE_BYTES
      ? ok("disk", message)
      : {
          name: "disk",
          status: "warn",
          message,
          wayOut: "Free space before ingesting: a million frames take about 3 GB.",
        },
  );
  return findings;
}

async function nearestFolder(path: string): Promise<string> {
  const parent = dirname(path);
  return parent === path || (await isThere(parent)) ? parent : nearestFolder(parent);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function encoder(config: CliConfig): Promise<{ readonly finding: Finding; readonly info?: EncoderInfo }> {
  const name = config.encoderUrl === null ? "encoder" : "encoder (ENCODER_URL)";
  try {
    const opened = await openEncoder({
      workers: 1,
      ...(config.encoderUrl === null ? {} : { url: config.encoderUrl }),
      ...(config.modelDir === null ? {} : { modelDir: config.modelDir }),
    });
    try {
      const info = await opened.info();
      const { model, provider } = info;
      const message = `${model.name}, ${model.hashBits} bits, ${model.featureSize} features, on ${provider}, digest ${model.digest.slice(0, 12)}`;
      return { finding: ok(name, message), info };
    } finally {
      await opened.close();
    }
  } catch (thrown) {
    return { finding: failed(name, asDafhError(thrown)) };
  }
}

async function engine(config: CliConfig, model: ModelInfo): Promise<Finding[]> {
  const name = config.qdrant === null ? "engine (embedded)" : "engine (QDRANT_URL)";
  try {
    const collection = await DafhCollection.open({ connection: connectionOf(config), model, name: config.collection });
    try {
      const { points, version, status } = await collection.info();
      const state = `${points} frames, status ${status}`;
      return [ok(name, `Qdrant ${version}`), ok(`collection ${config.collection}`, state)];
    } finally {
      await collection.close();
    }
  } catch (thrown) {
    const error = asDafhError(thrown);
    const collection = `collection ${config.collection}`;
    switch (error.code) {
      case "COLLECTION_MISSING":
        return [
          ok(name, "answers"),
          { name: collection, status: "warn", message: "nothing stored yet", wayOut: error.wayOut },
        ];
      case "COLLECTION_MISMATCH":
      case "MODEL_MISMATCH":
        return [ok(name, "answers"), failed(collection, error)];
      default:
        return [failed(name, error)];
    }
  }
}

const ok = (name: string, message: string): Finding => ({ name, status: "ok", message });

function failed(name: string, { code, message, wayOut }: DafhError): Finding {
  return { name, status: "fail", message: `${code}: ${message}`, wayOut };
}
