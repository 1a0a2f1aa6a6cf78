/** Looking for files: order, links, odd names, and what cannot be read. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Found } from "../../cli/ingest/found.js";
import { findFiles } from "../../cli/ingest/sources.js";
import { walkFolder } from "../../cli/ingest/walk.js";

async function collect(found: AsyncIterable<Found>): Promise<Found[]> {
  const all: Found[] = [];
  for await (const one of found) all.push(one);
  return all;
}

describe("walking a folder", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "dafh-walk-"));
  });
  afterEach(async () => {
    await chmod(join(root, "closed"), 0o700).catch(() => undefined);
    await rm(root, { recursive: true, force: true });
  });

  const put = async (...names: string[]) => {
    for (const name of names) {
      await mkdir(join(root, name, ".."), { recursive: true });
      await writeFile(join(root, name), name);
    }
  };
  const names = (found: readonly Found[]) => found.map(({ path }) => path.slice(root.length + 1));

  it("goes through it in the order of the names' bytes, depth first", async () => {
    await put("b.dcm", "a/2", "a/10", "Z", "a.dcm", "é", "a/deep/er/x");
    assert.deepEqual(names(await collect(walkFolder(root))), [
      "Z",
      "a/10",
      "a/2",
      "a/deep/er/x",
      "a.dcm",
      "b.dcm",
      "é",
    ]);
  });

  it("enters each folder once, whatever links lead to it", async () => {
    await put("real/one");
    await symlink(root, join(root, "real", "up"));
    await symlink(join(root, "real"), join(root, "again"));
    await symlink(join(root, "real", "one"), join(root, "link-to-file"));
    assert.deepEqual(names(await collect(walkFolder(root))), ["again/one", "link-to-file"]);
  });

  it("reads files whose names are not UTF-8, each under a name of its own", async () => {
    const odd = Buffer.concat([Buffer.from(`${root}/odd-`), Buffer.from([0xff]), Buffer.from(".dcm")]);
    const odder = Buffer.concat([Buffer.from(`${root}/odd-`), Buffer.from([0xfe]), Buffer.from(".dcm")]);
    await writeFile(odd, "ff");
    await writeFile(odder, "fe");
    const found = await collect(walkFolder(root));
    assert.deepEqual(names(found), ["odd-\\xfe.dcm", "odd-\\xff.dcm"]);
    const [first] = found;
    assert.ok(first?.kind === "file");
    const source = await first.open();
    assert.ok("bytes" in source);
    assert.equal(Buffer.from(source.bytes).toString(), "fe");
  });

  it("names what it cannot read and goes on", async () => {
    await put("fine", "closed/hidden");
    await symlink(join(root, "nowhere"), join(root, "broken"));
    await symlink(join(root, "loop"), join(root, "loop"));
    execFileSync("mkfifo", [join(root, "pipe")]);
    const found = await collect(walkFolder(root));
    const refused = found.filter(({ kind }) => kind === "refused");
    assert.deepEqual(names(refused), ["broken", "loop", "pipe"]);
    for (const one of refused) assert.ok(one.kind === "refused" && one.error.code === "FILE_UNREADABLE");
    assert.deepEqual(names(found.filter(({ kind }) => kind === "file")), ["closed/hidden", "fine"]);
  });

  it("names a folder that may not be read", async function () {
    if (process.getuid?.() === 0) this.skip(); // root may read everything
    await put("closed/hidden", "fine");
    await chmod(join(root, "closed"), 0);
    const found = await collect(walkFolder(root));
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ["refused", "file"],
    );
  });

  it("does not enter the product's own data folder", async () => {
    await put("image", "data/engine/segment");
    assert.deepEqual(names(await collect(findFiles([root], [join(root, "data")]))), ["image"]);
  });

  it("refuses a path that is not there by name", async () => {
    const [only] = await collect(findFiles([join(root, "missing")], []));
    assert.ok(only?.kind === "refused");
    assert.equal(only.error.code, "FILE_UNREADABLE");
    assert.equal(only.path, join(root, "missing"));
  });
});
