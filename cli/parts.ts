/** Opens the parts that a command works with (encoder, catalogue, collection) and closes them whatever happens. */
import type { Registry } from "prom-client";
import { type Catalogue, openCatalogue } from "../catalogue/index.js";
import { openEncoder } from "../encoder/index.js";
import { DafhCollection } from "../plugin/index.js";
import type { Encoder, EncoderInfo } from "../schemas/index.js";
import { type CliConfig, connectionOf } from "./config.js";
import { stderrLogger } from "./logger.js";

export interface Parts {
  readonly collection: DafhCollection;
  readonly catalogue: Catalogue;
  readonly encoder: Encoder;
  readonly info: EncoderInfo;
}

export interface PartsOptions {
  /** Make the collection where it is missing; else that is COLLECTION_MISSING. */
  readonly create: boolean;
  /** Where an encoder in this process counts what it does. */
  readonly registry?: Registry;
}

/**
 * @throws DafhError of whichever part cannot be opened
 */
export async function withParts<Result>(
  config: CliConfig,
  { create, registry }: PartsOptions,
  work: (parts: Parts) => Promise<Result>,
): Promise<Result> {
  return withEncoder(config, registry, async (encoder) => {
    const info = await encoder.info();
    const catalogue = openCatalogue({ dataDir: config.dataDir });
    try {
      const connection = connectionOf(config);
      const collection = await DafhCollection.open({ connection, model: info.model, name: config.collection, create });
      try {
        return await work({ collection, catalogue, encoder, info });
      } finally {
        await collection.close();
      }
    } finally {
      await catalogue.close();
    }
  });
}

export async function withEncoder<Result>(
  config: CliConfig,
  registry: Registry | undefined,
  work: (encoder: Encoder) => Promise<Result>,
): Promise<Result> {
  const encoder = await openEncoder({
    logger: stderrLogger("warn"),
    ...(config.encoderUrl === null ? {} : { url: config.encoderUrl }),
    ...(config.modelDir === null ? {} : { modelDir: config.modelDir }),
    ...(registry === undefined ? {} : { registry }),
  });
  try {
    return await work(encoder);
  } finally {
    await encoder.close();
  }
}
