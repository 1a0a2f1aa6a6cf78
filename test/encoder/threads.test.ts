/** A thread and its owner: what it answers arrives, how it ends is told, what it prints does not reach standard output. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Thread, ThreadEnded } from "../../encoder/threads/thread.js";

const ANSWERING = new URL("../../encoder/threads/answering.js", import.meta.url).href;
const SCHEMAS = new URL("../../schemas/index.js", import.meta.url).href;

/** Does what its request names. */
const SCRIPT = `
  import { answerRequests } from ${JSON.stringify(ANSWERING)};
  import { DafhError } from ${JSON.stringify(SCHEMAS)};
  import { getPriority } from "node:os";
  import { readlinkSync } from "node:fs";
  answerRequests((request) => {
    switch (request) {
      case "refuse": throw new DafhError("NOT_DICOM", "not this one", { path: "a.dcm" });
      case "fail": throw new TypeError("nobody foresaw this");
      case "exit": process.exit(7);
      case "hang": for (;;);
      case "print": console.log("chatter"); console.error("more");
      case "priority": return { answer: getPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1))) };
    }
    return { answer: request };
  }, { fallback: "DECODER_CRASHED" });
`;

describe("a thread", () => {
  let folder: string;
  let script: URL;
  let thread: Thread<string, unknown> | undefined;
  let printed = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "dafh-thread-"));
    await writeFile(join(folder, "script.mjs"), SCRIPT);
    script = pathToFileURL(join(folder, "script.mjs"));
  });
  after(() => rm(folder, { recursive: true }));

  function start(): Thread<string, unknown> {
    printed = "";
    thread = new Thread(script, { onPrint: (text) => (printed += text) });
    return thread;
  }
  afterEach(() => thread?.terminate());

  const ends = (reason: string, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ThreadEnded);
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };

  it("answers one request after the other, and takes no second before it has answered", async () => {
    const one = start();
    const first = one.call("a");
    await assert.rejects(one.call("b"), /one request at a time/);
    assert.equal(await first, "a");
    assert.equal(await one.call("c"), "c");
  });

  it("passes refusals on and stays", async () => {
    const one = start();
    await assert.rejects(one.call("refuse"), { code: "NOT_DICOM", message: "not this one", where: { path: "a.dcm" } });
    assert.ok(one.usable);
    assert.equal(await one.call("a"), "a");
  });

  it("is not used again after an error that nobody foresaw", async () => {
    const one = start();
    await assert.rejects(one.call("fail"), { code: "DECODER_CRASHED", message: /nobody foresaw this/ });
    assert.equal(one.usable, false);
    await assert.rejects(one.call("a"), ends("crashed", /nobody foresaw/));
  });

  it("that exits rejects what it was asked", async () => {
    const one = start();
    await assert.rejects(one.call("exit"), ends("crashed", /the thread exited/));
    assert.equal(one.usable, false);
  });

  it("that hangs is ended after its time limit", async () => {
    const one = start();
    await one.call("a");
    await assert.rejects(one.call("hang", { timeLimitMs: 50 }), ends("timeout", /50 ms/));
    assert.equal(one.usable, false);
  });

  it("that is closed says so, however often", async () => {
    const one = start();
    const hanging = assert.rejects(one.call("hang"), ends("closed", /closed/));
    await Promise.all([one.terminate(), one.terminate()]);
    await hanging;
  });

  it("lets the request in hand finish when it is asked to exit", async () => {
    const one = start();
    const answer = one.call("a");
    await one.exit();
    assert.equal(await answer, "a");
  });

  it("gives what it prints to its owner", async () => {
    const one = start();
    await one.call("print");
    await one.exit();
    assert.match(printed, /chatter/);
    assert.match(printed, /more/);
  });

  it("gives way to the event loop on Linux", async function () {
    if (process.platform !== "linux") this.skip();
    const own = (await import("node:os")).getPriority();
    assert.equal(await start().call("priority"), Math.min(19, own + 5));
  });
});
