/**
 * Everything that the commands take from the environment and the common flags, read once, checked and frozen. The only
 * reader of `process.env` in the product: whatever needs a setting is given it from here.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { ConnectionOptions } from "../plugin/index.js";
import { DafhError } from "../schemas/index.js";

export interface CliConfig {
  /** Absolute: the embedded engine's and the catalogue's folder. */
  readonly dataDir: string;
  /** A Qdrant server in place of the embedded engine. */
  readonly qdrant: { readonly url: string; readonly apiKey?: string } | null;
  /** An encoder service in place of workers in this process. */
  readonly encoderUrl: string | null;
  readonly collection: string;
  /** Folder of a network in place of the one that comes with the package, for an encoder in this process. */
  readonly modelDir: string | null;
}

export interface CommonFlags {
  readonly data?: string;
  readonly model?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DafhError BAD_OPTION naming the variable that cannot be used */
export function readConfig(flags: CommonFlags, environment: Environment): CliConfig {
  const setting = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === "" ? undefined : value;
  };
  const encoderUrl = httpUrl("ENCODER_URL", setting("ENCODER_URL"));
  if (flags.model !== undefined && encoderUrl !== null) {
    throw new DafhError("BAD_OPTION", "--model is for an encoder in this process, and ENCODER_URL names another one.", {
      field: "ENCODER_URL",
    });
  }
  const modelDir = flags.model ?? setting("DAFH_MODEL");
  const qdrantUrl = httpUrl("QDRANT_URL", setting("QDRANT_URL"));
  const apiKey = setting("QDRANT_API_KEY");
  return Object.freeze({
    dataDir: resolve(flags.data ?? setting("DAFH_DATA") ?? defaultDataDir(setting("XDG_DATA_HOME"))),
    qdrant: qdrantUrl === null ? null : Object.freeze({ url: qdrantUrl, ...(apiKey === undefined ? {} : { apiKey }) }),
    encoderUrl,
    collection: collectionName(setting("DAFH_COLLECTION") ?? "dafh"),
    modelDir: modelDir === undefined ? null : resolve(modelDir),
  });
}

/** Where the plugin finds its engine: the server of QDRANT_URL, or the embedded engine of the data folder. */
export function connectionOf(config: CliConfig): ConnectionOptions {
  return config.qdrant ?? { dataDir: config.dataDir };
}

function defaultDataDir(xdgDataHome: string | undefined): string {
  return join(xdgDataHome ?? join(homedir(), ".local", "share"), "qdrant-dafh");
}

function httpUrl(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new DafhError("BAD_OPTION", `${name} is not an http or https address.`, { field: name });
}

function collectionName(value: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(value)) return value;
  throw new DafhError("BAD_OPTION", "DAFH_COLLECTION takes 1 to 64 letters, digits, _ and -.", {
    field: "DAFH_COLLECTION",
  });
}
