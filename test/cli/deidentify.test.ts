/** `dafh deidentify`: names, files, exit codes and what it says, over real folders. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deidentifyCommand } from "../../cli/commands/deidentify.js";
import { bytes, plantedFile, text } from "../encoder/deidentify/planted-file.js";
import { IMAGE } from "../encoder/deidentify/planting.js";

const image = (uid: string, ...more: ReturnType<typeof text>[]) =>
  plantedFile([
    ...IMAGE,
    text(0x00080018, "UI", uid),
    text(0x00100010, "PN", "Doe^Jane"),
    text(0x00100020, "LO", "4711-4711"),
    text(0x0020000d, "UI", "1.2.3"),
    text(0x0020000e, "UI", "1.2.3.4"),
    ...more,
  ]);

describe("dafh deidentify", () => {
  let root: string;
  let input: string;
  let output: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "dafh-deidentify-"));
    [input, output] = [join(root, "Doe_Jane"), join(root, "out")];
    await mkdir(input);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function dafh(...parameters: string[]) {
    const said = { out: "", err: "" };
    let exitCode = -1;
    const stream = (name: "out" | "err") => ({
      write: (line: string) => {
        said[name] += line;
        return true;
      },
    });
    const command = deidentifyCommand({
      environment: { DAFH_DATA: join(root, "data") },
      // The cast: of the streams, commands only write to these two.
      streams: { stdout: stream("out"), stderr: stream("err") } as unknown as NodeJS.Process,
      exitWith: (code) => {
        exitCode = code;
      },
    });
    await command.parseAsync([...parameters, "--json"], { from: "user" });
    return { exitCode, summary: JSON.parse(said.out) as Record<string, unknown>, said: said.out + said.err };
  }

  const filesBelow = async (folder: string) =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();

  it("names files in a folder by their new UIDs, and does nothing a second time", async () => {
    await writeFile(join(input, "Jane.dcm"), image("1.2.3.4.1"));
    await mkdir(join(input, "more"));
    await writeFile(join(input, "more", "Jane 2"), image("1.2.3.4.2"));
    const first = await dafh(input, output);
    assert.equal(first.exitCode, 0);
    assert.deepEqual([first.summary.files, first.summary.written, first.summary.unchanged], [2, 2, 0]);
    const files = await filesBelow(output);
    assert.equal(files.length, 2);
    for (const file of files) {
      assert.match(file.slice(output.length), /^\/2\.25\.\d+\/2\.25\.\d+\/2\.25\.\d+\.dcm$/);
      const content = await readFile(file);
      for (const identifier of ["Doe", "4711", "1.2.3.4.1"]) assert.ok(!content.includes(identifier));
    }
    const second = await dafh(input, output);
    assert.deepEqual([second.summary.written, second.summary.unchanged], [0, 2]);
    assert.deepEqual(await filesBelow(output), files);
  });

  it("names each refused file with its code, and does the others", async () => {
    await writeFile(join(input, "good"), image("1.2.3.4.1"));
    await writeFile(join(input, "burned"), image("1.2.3.4.2", text(0x00280301, "CS", "YES")));
    await writeFile(join(input, "notes.txt"), "Jane Doe was here");
    await writeFile(join(input, "other"), image("1.2.3.4.1", text(0x00080070, "LO", "Maker")));
    const { exitCode, summary, said } = await dafh(input, output);
    assert.equal(exitCode, 3);
    assert.equal(summary.written, 1);
    const refused = summary.refused as { path: string; code: string }[];
    assert.deepEqual(
      refused.map(({ path, code }) => [path.slice(input.length + 1), code]),
      [
        ["burned", "BURNED_IN_TEXT"],
        ["notes.txt", "NOT_DICOM"],
        ["other", "SOP_INSTANCE_CONFLICT"],
      ],
    );
    assert.ok(!said.includes("4711"));
    assert.deepEqual((await filesBelow(output)).length, 1, "nothing half written is left");
  });

  it("writes a file to a file, and keeps the way back where it is told to", async () => {
    const [from, to] = [join(input, "Jane.dcm"), join(root, "copy.dcm")];
    await writeFile(from, image("1.2.3.4.1"));
    assert.equal((await dafh(from, to, "--retain-uids")).exitCode, 0);
    const content = await readFile(to);
    assert.ok(content.includes("1.2.3.4.1"));
    assert.ok(!content.includes("4711"));
    assert.ok(content.includes("profile strict, adapted"));
  });

  it("never writes over its input", async () => {
    const from = join(input, "Jane.dcm");
    const original = image("1.2.3.4.1");
    await writeFile(from, original);
    assert.equal((await dafh(from, from)).exitCode, 2);
    assert.equal((await dafh(input, input)).exitCode, 2);
    assert.ok((await readFile(from)).equals(original));
    // OUT inside IN is not taken for input when it is run again.
    const inside = join(input, "out");
    await dafh(input, inside);
    assert.equal((await dafh(input, inside)).summary.files, 1);
  });

  it("never writes over another file", async () => {
    const from = join(input, "Jane.dcm");
    await writeFile(from, image("1.2.3.4.1"));
    const notes = join(root, "notes.txt");
    await writeFile(notes, "precious");
    assert.notEqual((await dafh(from, notes)).exitCode, 0);
    assert.equal(await readFile(notes, "utf8"), "precious");
    assert.equal((await dafh(from, join(root, "new.dcm"))).exitCode, 0);
  });

  it("takes a key of its own, if nobody else can read it", async () => {
    const keyFile = join(root, "key");
    await writeFile(join(input, "Jane.dcm"), image("1.2.3.4.1"));
    await writeFile(keyFile, bytes("0123456789abcdef0123456789abcdef"), { mode: 0o600 });
    await dafh(input, output, "--key", keyFile);
    const mine = await filesBelow(output);
    await dafh(input, output);
    assert.equal((await filesBelow(output)).length, 2, "another key gives other UIDs");
    await rm(output, { recursive: true });
    await dafh(input, output, "--key", keyFile);
    assert.deepEqual(await filesBelow(output), mine);
    await chmod(keyFile, 0o644);
    assert.equal((await dafh(input, output, "--key", keyFile)).exitCode, 2);
  });

  it("says what is missing", async () => {
    const { exitCode, summary } = await dafh(join(root, "nowhere"), output);
    assert.equal(exitCode, 1);
    assert.equal((summary.error as { code: string }).code, "FILE_UNREADABLE");
  });
});
