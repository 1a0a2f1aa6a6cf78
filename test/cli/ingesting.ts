/** Ingests and searches in the test's own process: one encoder and one engine for many tests, a collection for each. */
import { join } from "node:path";
import { type Catalogue, openCatalogue } from "../../catalogue/index.js";
import { NO_LABELS, readLabels } from "../../cli/ingest/labels.js";
import { ingest } from "../../cli/ingest/pipeline.js";
import { findFiles } from "../../cli/ingest/sources.js";
import type { IngestSummary } from "../../cli/ingest/summary.js";
import { DEIDENTIFICATION_PROFILES, type DeidentificationProfile, openEncoder } from "../../encoder/index.js";
import { DafhCollection, type SearchHit } from "../../plugin/index.js";
import type { Encoder, EncoderInfo } from "../../schemas/index.js";
import { newFolder, removeFolder } from "./dafh.js";

export interface IngestFlags {
  readonly labels?: string;
  readonly replace?: boolean;
  readonly previews?: boolean;
  readonly secondaryCaptures?: boolean;
  /** Absent: refusals are not remembered. */
  readonly judge?: string;
  readonly profile?: DeidentificationProfile;
  /** Of another data folder, whose key is another. */
  readonly catalogue?: Catalogue;
}

export class Workplace {
  #collections = 0;
  #collection: DafhCollection | undefined;

  private constructor(
    readonly folder: string,
    readonly catalogue: Catalogue,
    readonly encoder: Encoder,
    readonly info: EncoderInfo,
  ) {}

  static async open(): Promise<Workplace> {
    const folder = await newFolder();
    const encoder = await openEncoder();
    return new Workplace(folder, openCatalogue({ dataDir: join(folder, "data") }), encoder, await encoder.info());
  }

  /** An empty collection in place of the last one. */
  async startAnew(): Promise<void> {
    const previous = this.#collection;
    this.#collections += 1;
    const name = `test-${this.#collections}`;
    const connection = { dataDir: join(this.folder, "data") };
    this.#collection = await DafhCollection.open({ connection, model: this.info.model, name, create: true });
    await previous?.close();
  }

  get collection(): DafhCollection {
    if (this.#collection === undefined) throw new Error("startAnew comes first");
    return this.#collection;
  }

  async ingest(path: string, flags: IngestFlags = {}): Promise<IngestSummary> {
    const { labels, replace = false, previews = true, profile = DEIDENTIFICATION_PROFILES.strict } = flags;
    const { catalogue = this.catalogue, secondaryCaptures = false, judge = null } = flags;
    return ingest(
      {
        found: findFiles([path], []),
        labels: labels === undefined ? NO_LABELS : readLabels(labels),
        ...{ replace, previews, secondaryCaptures, profile, judge },
        onProgress: () => undefined,
        signal: new AbortController().signal,
      },
      { collection: this.collection, catalogue, encoder: this.encoder, info: this.info },
    );
  }

  /** Hits for a file's first frame, each with where the catalogue has it. */
  async search(path: string, limit = 10): Promise<(SearchHit & { readonly path: string | undefined })[]> {
    const { frames } = await this.encoder.encode({ path }, { frames: [1] });
    const [frame] = frames;
    if (frame === undefined) throw new Error(`${path} has no frame`);
    const { hits } = await this.collection.search({ query: { embedding: frame.embedding }, limit });
    return hits.map((hit) => ({ ...hit, path: this.catalogue.path(hit.id)?.path }));
  }

  async close(): Promise<void> {
    await this.#collection?.close();
    await this.catalogue.close();
    await this.encoder.close();
    await removeFolder(this.folder);
  }
}
