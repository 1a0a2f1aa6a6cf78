/** The collection: made once whoever asks, held to its shape and model, and everything but searching that it does. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { collectionDefinition } from "../../plugin/collection/definition.js";
import { DafhCollection, pointId } from "../../plugin/index.js";
import { PAYLOAD_FIELDS } from "../../schemas/index.js";
import { errorOf, openTestEngine, TARGETS, type TestTarget, temporaryFolder } from "./engine.js";
import { generator, TEST_MODEL } from "./generated.js";

const PROGRAM = fileURLToPath(new URL("ingesting-program.js", import.meta.url));

for (const { what, open: openTarget } of TARGETS) {
  describe(`a collection in ${what}`, function () {
    this.timeout(120_000);
    let target: TestTarget;
    let collection: DafhCollection;
    const generated = generator(31);
    const points = Array.from({ length: 500 }, (_, index) => generated.point(index));
    const ids = points.map((point) => point.id);
    const open = (options: Partial<Parameters<typeof DafhCollection.open>[0]> = {}) =>
      DafhCollection.open({ connection: target.connection, name: target.name, model: TEST_MODEL, ...options });

    before(async () => {
      target = await openTarget();
    });
    after(async () => {
      await collection?.close();
      await target?.close();
    });

    it("is not made unless asked for", async () => {
      await assert.rejects(open(), errorOf("COLLECTION_MISSING", new RegExp(target.name)));
      assert.deepEqual(await target.client.collectionExists(target.name), { exists: false });
    });

    it("is made with two vectors, the payload's indexes and the model in its metadata", async () => {
      collection = await open({ create: true });
      const info = await target.client.getCollection(target.name);
      const { hash, features } = info.config.params.vectors as Record<string, Record<string, unknown>>;
      assert.deepEqual([hash?.size, hash?.distance, hash?.on_disk], [64, "Dot", true]);
      assert.deepEqual(hash?.quantization_config, { binary: { always_ram: true } });
      assert.deepEqual([features?.size, features?.distance, features?.datatype], [256, "Cosine", "float16"]);
      assert.deepEqual(info.config.metadata, {
        modelName: TEST_MODEL.name,
        modelDigest: TEST_MODEL.digest,
        hashBits: 64,
        featureSize: 256,
        schemaVersion: 1,
      });
      const indexed = Object.entries(PAYLOAD_FIELDS).filter(([, field]) => field.indexed);
      assert.deepEqual(
        Object.entries(info.payload_schema)
          .map(([field, index]) => [field, index?.data_type])
          .sort(),
        indexed.map(([name, field]) => [name, field.kind]).sort(),
      );
    });

    it("is opened again as it is, by as many as like", async () => {
      const others = await Promise.all([open(), open({ create: true }), open()]);
      for (const other of others) {
        assert.equal(await other.count(), 0);
        await other.close();
      }
    });

    it("is refused to another model, naming both", async () => {
      const other = { ...TEST_MODEL, name: "another-network", digest: "ab".repeat(32) };
      await assert.rejects(open({ model: other }), errorOf("MODEL_MISMATCH", /generated-for-tests.*another-network/));
      await assert.rejects(open({ model: other, create: true }), errorOf("MODEL_MISMATCH"));
    });

    it("is refused where something else made it, naming the difference", async () => {
      const metadata = collectionDefinition(TEST_MODEL, 0).metadata;
      const ours = collectionDefinition(TEST_MODEL, 0).vectors as Record<string, object>;
      const shapes: [shape: string, definition: object, difference: RegExp][] = [
        ["alien", { vectors: { size: 4, distance: "Dot" } }, /metadata/],
        ["unnamed", { vectors: { size: 64, distance: "Dot" }, metadata }, /no vector hash/],
        ["hashless", { vectors: { features: ours.features }, metadata }, /no vector hash/],
        [
          "longer",
          { vectors: { ...ours, hash: { ...ours.hash, size: 128 } }, metadata },
          /hash of size 128 instead of 64/,
        ],
        ["cosine", { vectors: { ...ours, hash: { ...ours.hash, distance: "Cosine" } }, metadata }, /distance Cosine/],
        ["full", { vectors: { ...ours, features: { size: 256, distance: "Cosine" } }, metadata }, /datatype float32/],
        [
          "plain",
          { vectors: { ...ours, hash: { size: 64, distance: "Dot" } }, metadata },
          /without binary quantization/,
        ],
        ["newer", { vectors: ours, metadata: { ...metadata, schemaVersion: 99 } }, /schema version 99/],
      ];
      for (const [shape, definition, difference] of shapes) {
        const name = `${target.name}-${shape}`;
        await target.client.api().createCollection({ collection_name: name, ...definition });
        await assert.rejects(open({ name }), errorOf("COLLECTION_MISMATCH", difference));
        await assert.rejects(open({ name, create: true }), errorOf("COLLECTION_MISMATCH", difference));
        await target.client.deleteCollection(name);
      }
    });

    it("is refused a name that Qdrant or a path could misread", async () => {
      for (const name of ["", "a/b", "..", "a b", "x".repeat(101)])
        await assert.rejects(open({ name }), errorOf("BAD_OPTION"));
    });

    it("stores a point once however often it is sent, the latest over the earlier", async () => {
      await collection.upsert(points);
      await collection.upsert(points.slice(100, 300));
      const [first] = points;
      assert.ok(first !== undefined);
      await collection.upsert([{ ...first, payload: { ...first.payload, label: "changed" } }]);
      assert.equal(await collection.count(), points.length);
      const [fetched] = await collection.fetch([first.id]);
      assert.equal(fetched?.payload.label, "changed");
      await collection.upsert(points.slice(0, 1));
      assert.equal((await collection.fetch([first.id]))[0]?.payload.label, undefined);
    });

    it("gives back by id what was stored: the payload, and the embedding when asked for", async () => {
      const some = points.slice(0, 20);
      const fetched = await collection.fetch([...some.map((point) => point.id), pointId("9.9", 1)], {
        withEmbedding: true,
      });
      assert.equal(fetched.length, some.length);
      for (const point of some) {
        const found = fetched.find((instance) => instance.id === point.id);
        const { code, modelDigest, ...payload } = found?.payload ?? {};
        assert.deepEqual(payload, point.payload);
        assert.equal(modelDigest, TEST_MODEL.digest);
        assert.match(String(code), /^[0-9a-f]{16}$/);
        assert.deepEqual(found?.embedding?.hash, point.embedding.hash, "the hash, to the last bit");
        const length = Math.hypot(...point.embedding.features);
        for (const [at, value] of (found?.embedding?.features ?? []).entries()) {
          const scaled = (point.embedding.features[at] ?? 0) / length;
          assert.ok(Math.abs(value - scaled) <= Math.abs(scaled) * 2 ** -10 + 1e-6, `${value} for ${scaled}`);
        }
      }
      assert.equal((await collection.fetch([ids[0] ?? ""]))[0]?.embedding, undefined);
      assert.deepEqual(await collection.fetch([]), []);
      await assert.rejects(collection.fetch(["17"]), errorOf("BAD_REQUEST"));
    });

    it("counts what there is and what a filter matches", async () => {
      const males = points.filter((point) => point.payload.patientSex === "M").length;
      assert.equal(await collection.count(), points.length);
      assert.equal(await collection.count({ must: [{ key: "patientSex", match: { value: "M" } }] }), males);
      await assert.rejects(
        collection.count({ must: [{ key: "ward", match: { value: "7" } }] }),
        errorOf("UNKNOWN_FIELD"),
      );
    });

    it("counts by the values of a field, the most frequent first", async () => {
      const expected = (modality: string | null, field: "modality" | "bodyPartExamined") => {
        const counts = new Map<string, number>();
        for (const { payload } of points) {
          if (modality !== null && payload.modality !== modality) continue;
          counts.set(String(payload[field]), (counts.get(String(payload[field])) ?? 0) + 1);
        }
        return [...counts].map(([value, count]) => ({ value, count })).sort((left, right) => right.count - left.count);
      };
      const byCount = (values: readonly { value: unknown; count: number }[]) =>
        [...values].sort(
          (left, right) => right.count - left.count || String(left.value).localeCompare(String(right.value)),
        );
      const facets = await collection.facet("modality");
      assert.deepEqual(byCount(facets), byCount(expected(null, "modality")));
      assert.deepEqual(
        facets.map((facet) => facet.count),
        expected(null, "modality").map((facet) => facet.count),
      );
      const ofCt = await collection.facet("bodyPartExamined", { modality: ["CT"] });
      assert.deepEqual(byCount(ofCt), byCount(expected("CT", "bodyPartExamined")));
      assert.equal((await collection.facet("bodyPartExamined", { limit: 2 })).length, 2);
      assert.deepEqual(await collection.facet("synthetic"), [{ value: true, count: points.length }]);
      assert.deepEqual(await collection.facet("frame"), [{ value: 1, count: points.length }]);
      await assert.rejects(collection.facet("sliceThickness"), errorOf("BAD_OPTION"));
      await assert.rejects(collection.facet("rows"), errorOf("BAD_OPTION"));
      await assert.rejects(collection.facet("patientName" as "label"), errorOf("UNKNOWN_FIELD"));
      await assert.rejects(collection.facet("modality", { limit: 0 }), errorOf("BAD_OPTION"));
    });

    it("changes some fields and leaves the others", async () => {
      const some = ids.slice(0, 50);
      await collection.setPayload(some, { label: "reviewed" });
      assert.equal(await collection.count({ must: [{ key: "label", match: { value: "reviewed" } }] }), 50);
      const [fetched] = await collection.fetch(some.slice(0, 1));
      assert.equal(fetched?.payload.modality, points[0]?.payload.modality);
      await assert.rejects(collection.setPayload(some, { code: "00" }), errorOf("BAD_OPTION"));
      await assert.rejects(collection.setPayload(some, { ward: "7" } as object), errorOf("UNKNOWN_FIELD"));
    });

    it("deletes by id and by filter, and never everything by an empty filter", async () => {
      for (const filter of [{}, { must: [] }, { must: [], should: [] }]) {
        await assert.rejects(collection.delete({ filter }), errorOf("BAD_FILTER"));
      }
      assert.equal(await collection.count(), points.length);
      await collection.delete({ ids: ids.slice(0, 10) });
      assert.equal(await collection.count(), points.length - 10);
      await collection.delete({ filter: { must: [{ key: "label", match: { value: "reviewed" } }] } });
      assert.equal(await collection.count(), points.length - 50);
      await collection.delete({ ids: ids.slice(0, 10) });
      assert.equal(await collection.count(), points.length - 50);
    });

    it("tells its state", async () => {
      await collection.optimize();
      const { points: stored, engine: kind, version, status } = await collection.info();
      assert.deepEqual(
        [stored, kind, status],
        [points.length - 50, "dataDir" in target.connection ? "embedded" : "server", "green"],
      );
      assert.match(version, /\d+\.\d+/);
    });
  });
}

describe("a collection in the embedded engine of a folder", function () {
  this.timeout(120_000);

  it("is made and filled by two processes at once, and every point of both is there", async () => {
    const dataDir = await temporaryFolder();
    const run = (first: number) => promisify(execFile)(process.execPath, [PROGRAM, dataDir, String(first), "400"]);
    await Promise.all([run(0), run(1_000)]);
    const shared = await openTestEngine(dataDir);
    try {
      const { count } = await shared.client.count("dafh");
      assert.equal(count, 800);
    } finally {
      await shared.close();
    }
  });
});
