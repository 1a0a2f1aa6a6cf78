/** Every file of the shared data set, the hostile ones among them, through the whole encoder at once. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import { openEncoder } from "../../encoder/index.js";
import { DafhError, ERRORS } from "../../schemas/index.js";
import { describeWithSharedData, dicomRoot } from "./dicom/shared-data.js";

describeWithSharedData("the encoder, given the shared DICOM files all at once", () => {
  it("encodes each or refuses it by name and code, and loses no thread over it", async function () {
    this.timeout(300_000);
    const registry = new Registry();
    const encoder = await openEncoder({ workers: 2, registry, limits: { waitingFiles: 10_000 } });
    try {
      const files = readdirSync(dicomRoot, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/\.(csv|md)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name));
      const outcomes = await Promise.allSettled(files.map((path) => encoder.encode({ path })));
      const refused = outcomes.flatMap((outcome, index) => {
        if (outcome.status === "fulfilled") return [];
        assert.ok(outcome.reason instanceof DafhError, files[index]);
        assert.equal(ERRORS[outcome.reason.code].kind, "input", outcome.reason.message);
        assert.equal(outcome.reason.where.path, files[index]);
        return [outcome.reason.code];
      });
      assert.ok(files.length > 600 && refused.length > 20 && refused.length < 100, `${refused.length} refused`);
      assert.ok(!refused.includes("DECODER_CRASHED") && !refused.includes("DECODE_TIMEOUT"));
      assert.doesNotMatch(await registry.metrics(), /dafh_encoder_thread_restarts_total\{/);
      assert.match(await registry.metrics(), /dafh_encoder_frames_under_way 0/);
    } finally {
      await encoder.close();
    }
  });
});
