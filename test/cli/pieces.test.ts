/** The command line's pure pieces: settings, manifests, decisions, order, tables. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { readConfig } from "../../cli/config.js";
import { nodeVersion } from "../../cli/doctor/examine.js";
import { decide } from "../../cli/ingest/decide.js";
import { inOrder } from "../../cli/ingest/in-order.js";
import { parseLabels } from "../../cli/ingest/labels.js";
import { instanceName, pointsOf } from "../../cli/ingest/points.js";
import { printable, table } from "../../cli/output.js";
import type { DafhPoint } from "../../plugin/index.js";
import type { EncodedFile, InstancePayload } from "../../schemas/index.js";

describe("settings", () => {
  it("come from the flag before the variable before the usual place", () => {
    assert.equal(readConfig({ data: "/flag" }, { DAFH_DATA: "/variable" }).dataDir, "/flag");
    assert.equal(readConfig({}, { DAFH_DATA: "/variable", XDG_DATA_HOME: "/xdg" }).dataDir, "/variable");
    assert.equal(readConfig({}, { XDG_DATA_HOME: "/xdg" }).dataDir, "/xdg/qdrant-dafh");
    assert.match(readConfig({}, {}).dataDir, /\.local\/share\/qdrant-dafh$/);
  });

  it("take an empty variable for none", () => {
    const config = readConfig({}, { QDRANT_URL: " ", ENCODER_URL: "", DAFH_DATA: "/data" });
    assert.deepEqual([config.qdrant, config.encoderUrl, config.collection], [null, null, "dafh"]);
  });

  it("name the server and its key", () => {
    const { qdrant } = readConfig({}, { QDRANT_URL: "https://qdrant:6333", QDRANT_API_KEY: "key" });
    assert.deepEqual(qdrant, { url: "https://qdrant:6333", apiKey: "key" });
  });

  for (const [name, value] of [
    ["QDRANT_URL", "qdrant:6333"],
    ["ENCODER_URL", "ftp://encoder"],
    ["DAFH_COLLECTION", "a/b"],
  ] as const) {
    it(`refuse ${name}=${value}`, () => {
      assert.throws(() => readConfig({}, { [name]: value }), { code: "BAD_OPTION", message: new RegExp(name) });
    });
  }
});

describe("a labels manifest", () => {
  const place = "/sets/one/manifest.csv";
  const file = (path: string, root = "/elsewhere") => ({ path, root });

  it("names files from its own folder, from the ingested folder, or absolutely", () => {
    const labels = parseLabels("path,label\nct/a.png,A\n./b.png,B\n/abs/c.png,C\n", place);
    assert.equal(labels.rowOf(file("/sets/one/ct/a.png"))?.label, "A");
    assert.equal(labels.rowOf(file("/ingested/b.png", "/ingested"))?.label, "B");
    assert.equal(labels.rowOf(file("/abs/c.png"))?.label, "C");
    assert.equal(labels.rowOf(file("/sets/two/ct/a.png")), undefined);
  });

  it("tells how many of its rows met no file", () => {
    const labels = parseLabels("path,label\na,A\nb,B\n", place);
    labels.rowOf(file("/sets/one/a"));
    labels.rowOf(file("/sets/one/a"));
    assert.deepEqual([labels.rows, labels.unmet()], [2, 1]);
  });

  it("reads quoted cells, a byte order mark, and the columns that it knows under their names", () => {
    const csv = `\ufeffpath,label,modality,body_part,patient_id,group,file_sha256\n"a, b.png",x,ct,chest,p1,g1,${"AB".repeat(32)}\n`;
    assert.deepEqual(parseLabels(csv, place).rowOf(file("/sets/one/a, b.png")), {
      ...{ label: "x", modality: "CT", bodyPart: "CHEST", patient: "g1", sha256: "ab".repeat(32) },
    });
  });

  it("leaves out what a row leaves empty", () => {
    assert.deepEqual(parseLabels("path,label,modality\na, ,\n", place).rowOf(file("/sets/one/a")), {});
  });

  for (const [what, csv, message] of [
    ["no path column", "file,label\na,A\n", /"path"/],
    ["no label column", "path,class\na,A\n", /"label"/],
    ["a row without a path", "path,label\na,A\n,B\n", /line 3/],
    ["two rows that contradict each other", "path,label\na,A\n./a,B\n", /line 3/],
    ["a digest that is none", "path,label,sha256\na,A,123\n", /line 2/],
    ["rows of different lengths", "path,label\na,A,more\n", /not CSV/],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => parseLabels(csv, place), { code: "BAD_OPTION", message });
    });
  }
});

describe("the decision about a file", () => {
  const point = (id: string, payload: InstancePayload): DafhPoint => ({
    id,
    embedding: { hash: new Float32Array(1), features: new Float32Array(1) },
    payload: { frame: 1, contentDigest: "file", pixelDigest: "pixels", ...payload },
  });
  const over = (stored: Readonly<Record<string, InstancePayload>>, incoming: readonly DafhPoint[], replace = false) =>
    decide(incoming, (id) => stored[id], replace);
  const same = { contentDigest: "file", pixelDigest: "pixels" };

  it("is new while any frame is missing", () => {
    assert.equal(over({}, [point("a", {})]).kind, "new");
    assert.equal(over({ a: same }, [point("a", {}), point("b", { frame: 2 })]).kind, "new");
  });

  it("is unchanged when all frames of the very file are there", () => {
    assert.equal(over({ a: { ...same, label: "kept" } }, [point("a", {})]).kind, "unchanged");
  });

  it("is updated for another header or another label", () => {
    assert.equal(over({ a: { ...same, contentDigest: "other" } }, [point("a", {})]).kind, "updated");
    assert.equal(over({ a: same }, [point("a", { label: "new" })]).kind, "updated");
  });

  it("is updated, not refused, where this version reads the very same file otherwise", () => {
    assert.equal(over({ a: { ...same, pixelDigest: "read before" } }, [point("a", {})]).kind, "updated");
  });

  it("is a conflict for other pixels, naming the frame, and a replacement by leave", () => {
    const stored = {
      a: { contentDigest: "other", pixelDigest: "pixels" },
      b: { contentDigest: "other", pixelDigest: "x" },
    };
    const incoming = [point("a", {}), point("b", { frame: 2 })];
    assert.deepEqual(over(stored, incoming), { kind: "conflict", frame: 2 });
    assert.equal(over(stored, incoming, true).kind, "replaced");
  });

  it("keeps a label that this run does not state", () => {
    const decision = over({ a: { contentDigest: "other", pixelDigest: "pixels", label: "kept" } }, [point("a", {})]);
    assert.ok("points" in decision);
    assert.equal(decision.points[0]?.payload.label, "kept");
  });
});

describe("the points of a file", () => {
  const model = { name: "m", digest: "model", hashBits: 8, prefixBits: [8], featureSize: 2 };
  const embedding = { hash: Float32Array.of(1, -1, 1, -1, 1, -1, 1, -1), features: Float32Array.of(1, 2) };
  const encoded = (attributes: InstancePayload, kind: "dicom" | "image" = "dicom"): EncodedFile => ({
    ...{ kind, attributes, contentDigest: "abc", constantFrames: [], timingsMs: { decode: 0, network: 0 } },
    frames: [
      { frame: 1, embedding, pixelDigest: "p1" },
      { frame: 3, embedding, pixelDigest: "p3" },
    ],
  });
  const context = { model, pseudonymKey: new Uint8Array(32), profile: "strict" };

  it("are named by the SOP Instance UID, or by the bytes where there is none", () => {
    const { pseudonymKey } = context;
    assert.equal(instanceName(encoded({ sopInstanceUid: "1.2.3" }), pseudonymKey), "1.2.3");
    const name = instanceName(encoded({}), pseudonymKey);
    assert.match(name, /^content:[0-9a-f]{32}$/);
    assert.notEqual(instanceName(encoded({}), new Uint8Array(32).fill(1)), name, "nobody without the key can try it");
  });

  it("say what was stored and by which network", () => {
    const points = pointsOf(encoded({ modality: "CT", sopInstanceUid: "1.2.3" }), context);
    const [contentDigest] = new Set(points.map(({ payload }) => payload.contentDigest));
    assert.match(contentDigest ?? "", /^[0-9a-f]{32}$/);
    assert.deepEqual(
      points.map(({ payload }) => payload),
      [1, 3].map((frame) => ({
        ...{ modality: "CT", sopInstanceUid: "1.2.3", frame, code: "aa" },
        ...{ pixelDigest: `p${frame}`, contentDigest, modelDigest: "model", profile: "strict" },
      })),
    );
    assert.notEqual(points[0]?.id, points[1]?.id);
  });

  it("take what a manifest says of a picture, but not of a DICOM file, which says it itself", () => {
    const row = { label: "l", modality: "MR", bodyPart: "BRAIN", patient: "7" };
    const [picture] = pointsOf(encoded({}, "image"), { ...context, row });
    const [dicom] = pointsOf(encoded({ modality: "CT" }), { ...context, row });
    assert.deepEqual([picture?.payload.modality, picture?.payload.label], ["MR", "l"]);
    assert.match(picture?.payload.patientKey ?? "", /^[0-9a-f]{32}$/);
    assert.deepEqual(
      [dicom?.payload.modality, dicom?.payload.label, dicom?.payload.patientKey],
      ["CT", "l", undefined],
    );
  });
});

describe("working on a stream, several at once", () => {
  async function* numbers(count: number): AsyncGenerator<number> {
    for (let number = 0; number < count; number++) yield number;
  }

  it("keeps the stream's order whatever takes longest", async () => {
    const results: number[] = [];
    for await (const result of inOrder(numbers(12), 4, async (number) => {
      await delay(number % 4 === 0 ? 20 : 1);
      return number;
    })) {
      results.push(result);
    }
    assert.deepEqual(results, [...Array(12).keys()]);
  });

  it("never has more in hand than allowed", async () => {
    let inHand = 0;
    let most = 0;
    for await (const _ of inOrder(numbers(20), 3, async () => {
      inHand += 1;
      most = Math.max(most, inHand);
      await delay(2);
      inHand -= 1;
    })) {
      // Only drained.
    }
    assert.equal(most, 3);
  });

  it("hands over what comes before a failure, and then the failure", async () => {
    const results: number[] = [];
    const run = async () => {
      for await (const result of inOrder(numbers(6), 3, async (number) => {
        if (number === 2) throw new Error("two");
        return number;
      })) {
        results.push(result);
      }
    };
    await assert.rejects(run, /two/);
    assert.deepEqual(results, [0, 1]);
  });
});

describe("doctor", () => {
  it("takes Node from 20.19 on", () => {
    const statuses = ["18.20.4", "20.18.3", "20.19.0", "22.1.0"].map((version) => nodeVersion(version).status);
    assert.deepEqual(statuses, ["fail", "fail", "ok", "ok"]);
  });
});

describe("output for people", () => {
  it("lines up in columns, numbers to the right", () => {
    assert.deepEqual(
      table(
        ["name", "count"],
        [
          ["a", 5],
          ["long name", 100],
        ],
      ),
      ["name       count", "a              5", "long name    100"],
    );
  });

  it("shows control characters of names instead of obeying them", () => {
    assert.equal(printable("a\u001b[31mb\nc"), "a\\x1b[31mb\\x0ac");
  });
});
