/** The example of the documentation, run as its first lines say: a program of its own that has the plugin and no more. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./engine.js";

const EXAMPLE = fileURLToPath(new URL("../../docs/examples/plugin-alone.js", import.meta.url));

describe("the example of the plugin alone", function () {
  this.timeout(60_000);

  it("stores images in a folder, and finds those of the query's kind", async () => {
    const folder = await temporaryFolder();
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE, folder]);
      const lines = stdout.trim().split("\n");
      assert.equal(lines[0], "60 images stored");
      // The query is of the second kind, which the example stores as MR.
      for (const rank of [1, 2, 3]) {
        assert.match(
          lines[rank] ?? "",
          new RegExp(`^${rank}\\. MR similarity (0\\.9\\d\\d|1\\.000), \\d+ bits apart$`),
        );
      }
      assert.match(lines[4] ?? "", /^in [\d.]+ ms, of which Qdrant [\d.]+ ms$/);
      assert.equal(lines[5], "2 series of CT look like it");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
