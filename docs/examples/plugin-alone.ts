/**
 * The plugin alone, in a program of its own: store embeddings that some network made, ask for the images that look like
 * one of them. Run: `node dist/docs/examples/plugin-alone.js DATA_FOLDER`, or with the address of a Qdrant instead.
 */
import { DafhCollection, type DafhPoint, type Embedding, type ModelInfo, pointId } from "qdrant-dafh/plugin";

/** Describes your network. The digest is what tells its codes from another network's: use the hash of its weights. */
const model: ModelInfo = {
  name: "example-network",
  digest: "0e1f5a3c9b7d24686b0b3c5a4e8f1d2c7a9e6b5d4c3f2a1b0e9d8c7f6a5b4c3d",
  hashBits: 64,
  prefixBits: [16, 32, 48, 64],
  featureSize: 256,
};

/** Stands for your network: images of one kind get nearby embeddings. */
function encode(kind: number, image: number): Embedding {
  const wave = (size: number) =>
    Float32Array.from({ length: size }, (_, at) => Math.sin(at * (kind + 1)) + 0.3 * Math.sin(at * 7 + image));
  return { hash: wave(model.hashBits), features: wave(model.featureSize) };
}

const [place] = process.argv.slice(2);
if (place === undefined) throw new Error("Give a data folder, or the address of a Qdrant.");
const connection = place.startsWith("http") ? { url: place } : { dataDir: place };

const collection = await DafhCollection.open({ connection, model, create: true });
try {
  const points = Array.from({ length: 60 }, (_, image): DafhPoint => {
    const sopInstanceUid = `2.25.1000${image}`;
    const modality = ["CT", "MR", "PT"][image % 3] ?? "OT";
    return {
      id: pointId(sopInstanceUid, 1),
      embedding: encode(image % 3, image),
      payload: { sopInstanceUid, frame: 1, modality, seriesInstanceUid: `2.25.2000${image % 6}`, synthetic: true },
    };
  });
  await collection.upsert(points);
  console.log(`${await collection.count()} images stored`);

  const { hits, timingsMs } = await collection.search({ query: { embedding: encode(1, 1000) }, limit: 3 });
  for (const hit of hits) {
    console.log(
      `${hit.rank}. ${hit.payload.modality} similarity ${hit.score.toFixed(3)}, ${hit.hammingDistance} bits apart`,
    );
  }
  console.log(`in ${timingsMs.total.toFixed(1)} ms, of which Qdrant ${timingsMs.engine.toFixed(1)} ms`);

  const grouped = await collection.search({
    query: { embedding: encode(0, 1000) },
    modality: ["CT"],
    groupBy: "series",
    groupSize: 1,
  });
  console.log(`${grouped.groups?.length ?? 0} series of CT look like it`);
} finally {
  await collection.close();
}
