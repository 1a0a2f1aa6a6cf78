/** The engine's set-up: done once, and what is missing is named with the way to get it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findRuntime } from "../../plugin/embedded/runtime.js";

describe("the embedded engine's set-up", function () {
  this.timeout(60_000);
  const { python, packages, server } = findRuntime();
  const packageRoot = dirname(dirname(dirname(server)));
  let root: string;

  /** The set-up script in a package of its own, with the programs of `path` alone. */
  const run = (at: string, path?: string) =>
    spawnSync(process.execPath, [join(at, "scripts", "setup-engine.mjs")], {
      encoding: "utf8",
      env: path === undefined ? process.env : { PATH: path },
    });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "dafh-setup-"));
    mkdirSync(join(root, "scripts"));
    mkdirSync(join(root, "plugin", "embedded"), { recursive: true });
    mkdirSync(join(root, "programs"));
    copyFileSync(join(packageRoot, "scripts", "setup-engine.mjs"), join(root, "scripts", "setup-engine.mjs"));
    copyFileSync(join(server, "..", "requirements.txt"), join(root, "plugin", "embedded", "requirements.txt"));
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("does nothing where it is done", () => {
    const before = readdirSync(dirname(packages));
    const { status, stderr } = run(packageRoot);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /already installed/);
    assert.deepEqual(readdirSync(dirname(packages)), before);
  });

  it("names what is missing where there is no Python, and how to get it", () => {
    const { status, stderr } = run(root, join(root, "programs"));
    assert.equal(status, 1);
    assert.match(stderr, /No Python 3\.10 or newer.*apt install python3.*QDRANT_URL/s);
    assert.equal(existsSync(join(root, ".python")), false);
  });

  it("passes over a Python that is too old", function () {
    if (process.platform === "win32") this.skip(); // needs a shell script as a program
    writeFileSync(join(root, "programs", "python3"), `#!/bin/sh\necho "$0"; echo 3.9.1; echo True\n`, { mode: 0o755 });
    const { status, stderr } = run(root, join(root, "programs"));
    assert.equal(status, 1);
    assert.match(stderr, /No Python 3\.10 or newer/);
  });

  it("says that pip is missing where Python has none", function () {
    if (process.platform === "win32") this.skip(); // needs a shell script as a program
    writeFileSync(join(root, "programs", "python3"), `#!/bin/sh\necho "$0"; echo 3.12.1; echo False\n`, {
      mode: 0o755,
    });
    const { status, stderr } = run(root, `${join(root, "programs")}`);
    assert.equal(status, 1);
    assert.match(stderr, /has no pip/);
  });

  it("leaves one installation after the system has moved on to another Python", function () {
    if (process.platform === "win32") this.skip(); // needs a shell script as a program
    const program = join(root, "programs", "python3");
    // Stands in for Python 3.12 and a pip that has nothing to fetch: what is tested is which folder is left.
    const answers = `*find_spec*) echo "$0"; echo 3.12.1; echo True;; *version_info*) echo 3.12;; esac`;
    writeFileSync(program, `#!/bin/sh\ncase "$*" in ${answers}\n`, { mode: 0o755 });
    mkdirSync(join(root, "plugin", "embedded", "server"));
    const requirements = createHash("sha256")
      .update(readFileSync(join(server, "..", "requirements.txt")))
      .digest("hex");
    const installed = (name: string, digest: string) => {
      mkdirSync(join(root, ".python", name), { recursive: true });
      const marker = { requirements: digest, python: program, pythonVersion: "3.11.7" };
      writeFileSync(join(root, ".python", name, "engine.json"), JSON.stringify(marker));
    };
    installed("py3.11-before", requirements);
    installed("py3.11-other", "of another version of the package");
    const { status, stderr } = run(root, join(root, "programs"));
    assert.equal(status, 0, stderr);
    const now = `py3.12-${requirements.slice(0, 12)}`;
    assert.deepEqual(readdirSync(join(root, ".python")).sort(), ["py3.11-other", now]);
    assert.equal(findRuntime(root).packages, join(root, ".python", now));
  });

  it("installs nothing whose hash is not the one that is written down, and leaves nothing half-made", function () {
    if (process.platform === "win32") this.skip(); // links are not for everyone there
    symlinkSync(python, join(root, "programs", "python3"));
    writeFileSync(
      join(root, "plugin", "embedded", "requirements.txt"),
      `h11==0.16.0 --hash=sha256:${"0".repeat(64)}\n`,
    );
    const { status, stderr } = run(root, join(root, "programs"));
    assert.equal(status, 1);
    if (/connection|resolve host|no route/i.test(stderr)) this.skip(); // without the registry there is nothing to refuse
    assert.match(stderr, /pip could not install.*do not match the hashes/is);
    assert.deepEqual(readdirSync(join(root, ".python")), []);
  });
});
