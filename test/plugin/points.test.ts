/** Points: stable ids, nothing sent that Qdrant would take in silence and answer wrongly, batches in bounded numbers. */
import assert from "node:assert/strict";
import { type DafhPoint, pointId, uploadPoints } from "../../plugin/points/index.js";
import { batchSize } from "../../plugin/points/upload.js";
import { codeToHex, DafhError, type ErrorCode, packCode } from "../../schemas/index.js";
import { generator, TEST_MODEL } from "./generated.js";

const generated = generator(5);
const points = Array.from({ length: 1_000 }, (_, index) => generated.point(index));
const [sample] = points;
assert.ok(sample !== undefined);

describe("the id of a point", () => {
  it("is a version 5 UUID that the instance and the frame alone decide", () => {
    const id = pointId("1.2.840.113619.2.55.3", 1);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(pointId("1.2.840.113619.2.55.3", 1), id);
    const others = [pointId("1.2.840.113619.2.55.3", 2), pointId("1.2.840.113619.2.55", 31), pointId("1.2", 1)];
    assert.equal(new Set([id, ...others]).size, 4);
  });

  it("never changes between versions: every stored image would be stored a second time", () => {
    assert.equal(pointId("1.2.3", 1), "d445368c-f139-59a8-88b2-9f04ec198517");
  });

  it("is refused for no instance and for frames that do not count from 1", () => {
    for (const frame of [0, -1, 1.5, Number.NaN]) assert.throws(() => pointId("1.2.3", frame), DafhError);
    assert.throws(() => pointId("", 1), DafhError);
  });
});

describe("points to store", () => {
  const refused = async (change: Partial<DafhPoint>): Promise<DafhError> => {
    const sent: unknown[] = [];
    const faulty = [...points.slice(0, 600), { ...sample, ...change } as DafhPoint];
    try {
      await uploadPoints(faulty, TEST_MODEL, async (batch) => void sent.push(batch));
    } catch (error) {
      assert.equal(sent.length, 0, "a batch left before every point was checked");
      assert.ok(error instanceof DafhError, String(error));
      return error;
    }
    assert.fail("was let through");
  };
  const { hash, features } = sample.embedding;
  const { payload } = sample;
  const faults: [what: string, change: object, code: ErrorCode, field: string][] = [
    ["a hash of another length", { embedding: { hash: hash.slice(1), features } }, "MODEL_MISMATCH", "hash"],
    ["features of another length", { embedding: { hash, features: hash } }, "MODEL_MISMATCH", "features"],
    ["a hash with NaN", { embedding: { hash: hash.with(3, Number.NaN), features } }, "BAD_OPTION", "hash"],
    ["infinite features", { embedding: { hash, features: features.with(9, -1 / 0) } }, "BAD_OPTION", "features"],
    [
      "features without a direction",
      { embedding: { hash, features: new Float32Array(256) } },
      "BAD_OPTION",
      "features",
    ],
    ["an id that is no UUID", { id: "1.2.3" }, "BAD_REQUEST", "id"],
    ["a field that may identify", { payload: { ...payload, patientName: "Jane" } }, "UNKNOWN_FIELD", "patientName"],
    ["a number for a keyword", { payload: { ...payload, modality: 5 } }, "BAD_OPTION", "modality"],
    ["one value for a list", { payload: { ...payload, pixelSpacingMm: 0.7 } }, "BAD_OPTION", "pixelSpacingMm"],
    ["a date that is none", { payload: { ...payload, studyDate: "yesterday" } }, "BAD_OPTION", "studyDate"],
    ["a number that is none", { payload: { ...payload, kvp: Number.NaN } }, "BAD_OPTION", "kvp"],
    ["another model's code", { payload: { ...payload, modelDigest: "00" } }, "MODEL_MISMATCH", "modelDigest"],
  ];
  for (const [what, change, code, field] of faults) {
    it(`are refused before anything is sent: ${what}`, async () => {
      const error = await refused(change);
      assert.equal(error.code, code, error.message);
      assert.equal(error.where.field, field);
      assert.doesNotMatch(error.message, /Jane|yesterday/);
    });
  }

  it("carry the code of their hash and the digest of their model", async () => {
    await uploadPoints([sample], TEST_MODEL, async ([point]) => {
      assert.equal(point?.payload?.code, codeToHex(packCode(hash)));
      assert.equal(point?.payload?.modelDigest, TEST_MODEL.digest);
      assert.equal(point?.payload?.modality, payload.modality);
    });
  });

  it("leave in batches, a bounded number at a time, each once", async () => {
    const ids: unknown[] = [];
    let underWay = 0;
    let most = 0;
    await uploadPoints(points, TEST_MODEL, async (batch) => {
      underWay++;
      most = Math.max(most, underWay);
      assert.ok(batch.length <= batchSize(TEST_MODEL));
      await new Promise((resolve) => setImmediate(resolve));
      ids.push(...batch.map((point) => point.id));
      underWay--;
    });
    assert.deepEqual(ids.sort(), points.map((point) => point.id).sort());
    assert.ok(most > 1 && most <= 3, `${most} batches at once`);
  });

  it("are fewer a batch where the vectors are long", () => {
    assert.ok(batchSize({ ...TEST_MODEL, featureSize: 8192 }) < batchSize(TEST_MODEL));
    assert.equal(batchSize({ ...TEST_MODEL, featureSize: 10_000_000 }), 1);
  });

  it("with the same id are sent once, the last one", async () => {
    const twice = [sample, { ...sample, payload: { modality: "OT" } }];
    await uploadPoints(twice, TEST_MODEL, async (batch) => {
      assert.deepEqual(
        batch.map((point) => point.payload?.modality),
        ["OT"],
      );
    });
  });

  it("stop at the first failure, which is told when nothing is under way any more", async () => {
    let calls = 0;
    let settled = 0;
    const upload = uploadPoints(points, TEST_MODEL, async () => {
      calls++;
      const failing = calls === 1;
      await new Promise((resolve) => setTimeout(resolve, failing ? 1 : 20));
      settled++;
      if (failing) throw new DafhError("DISK_FULL", "full");
    });
    await assert.rejects(upload, (error) => error instanceof DafhError && error.code === "DISK_FULL");
    assert.equal(settled, calls);
    assert.ok(calls <= 3, `${calls} batches were sent`);
  });
});
