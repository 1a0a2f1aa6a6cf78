/** The embedded engine's process: one a folder, shared, restarted, gone when unused; and how a failed start is told. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type EmbeddedEngine,
  type EmbeddedEngineOptions,
  type EngineEvent,
  openEmbeddedEngine,
} from "../../plugin/embedded/index.js";
import { findRuntime } from "../../plugin/embedded/runtime.js";
import { DafhError } from "../../schemas/index.js";
import { engineGone } from "../support/engine.js";

const USER_PROGRAM = fileURLToPath(new URL("../support/engine-user.js", import.meta.url));

interface Told {
  readonly url: string;
  readonly apiKey: string;
  readonly events: EngineEvent[];
}

describe("the embedded engine's process", function () {
  this.timeout(60_000);
  let dataDir: string;
  const engines: EmbeddedEngine[] = [];
  const users: ChildProcess[] = [];

  const open = async (options: Partial<EmbeddedEngineOptions> = {}) => {
    const engine = await openEmbeddedEngine({ dataDir, lingerMs: 200, ...options });
    engines.push(engine);
    return engine;
  };
  /** Another process that uses the folder, and what it was told. */
  const start = async (): Promise<{ child: ChildProcess; told: Told }> => {
    const child = spawn(process.execPath, [USER_PROGRAM, dataDir, "200"], { stdio: ["pipe", "pipe", "inherit"] });
    users.push(child);
    const line = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.includes("\n")) resolve(text);
      });
      child.once("exit", (status) => reject(new Error(`The user of the engine ended with ${status}.`)));
    });
    return { child, told: JSON.parse(line) as Told };
  };
  const gone = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));
  const pidIn = (events: readonly EngineEvent[]): number => {
    const began = events.findLast((event) => event.kind === "started" || event.kind === "joined");
    assert.ok(began !== undefined && "pid" in began);
    return began.pid;
  };
  const file = (name: string): string => join(dataDir, "engine", name);
  const refused =
    (reason: RegExp, code = "ENGINE_UNAVAILABLE") =>
    (thrown: unknown) => {
      assert.ok(thrown instanceof DafhError, String(thrown));
      assert.equal(thrown.code, code);
      assert.match(thrown.message, reason);
      return true;
    };

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "dafh-engine-"));
  });

  afterEach(async () => {
    const addresses = await Promise.all(engines.map((engine) => engine.endpoint().catch(() => undefined)));
    await Promise.all(engines.map((engine) => engine.release()));
    const running = users.filter((user) => user.exitCode === null && user.signalCode === null);
    await Promise.all(running.map((user) => Promise.all([gone(user), user.kill("SIGKILL")])));
    for (const address of addresses) if (address) await engineGone(address.url);
    engines.length = 0;
    users.length = 0;
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("starts on demand, and keeps its key and its files to itself", async () => {
    const events: EngineEvent[] = [];
    const engine = await open({ onEvent: (event) => events.push(event) });
    const { url, apiKey } = await engine.endpoint();
    assert.equal((await fetch(`${url}/collections`, { headers: { "api-key": apiKey } })).status, 200);
    assert.equal((await fetch(`${url}/collections`)).status, 401);
    assert.deepEqual(
      events.map((event) => event.kind),
      ["started"],
    );
    assert.equal(new URL(url).hostname, "127.0.0.1");
    if (process.platform !== "win32") {
      for (const name of ["endpoint.json", "engine.log", "lock"])
        assert.equal(statSync(file(name)).mode & 0o777, 0o600, name);
      assert.equal(statSync(join(dataDir, "engine")).mode & 0o777, 0o700);
    }
  });

  it("is one process for all that open the folder at once, from several processes", async () => {
    const started = await Promise.all(Array.from({ length: 5 }, start));
    const here: EngineEvent[] = [];
    await open({ onEvent: (event) => here.push(event) });
    const pids = new Set([...started.map(({ told }) => pidIn(told.events)), pidIn(here)]);
    assert.equal(pids.size, 1);
    assert.equal(new Set(started.map(({ told }) => told.url)).size, 1);
    const kinds = [...started.flatMap(({ told }) => told.events), ...here].map((event) => event.kind);
    assert.equal(kinds.filter((kind) => kind === "started").length, 1);
  });

  it("goes away when the last one has released it, and leaves no address behind", async () => {
    const [one, other] = [await open(), await open()];
    const { url } = await one.endpoint();
    await one.release();
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    await other.release();
    await engineGone(url);
    // The address goes last, when all is on disk.
    for (let waited = 0; existsSync(file("endpoint.json")) && waited < 5_000; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(existsSync(file("endpoint.json")), false);
  });

  it("goes away when its only user was killed", async () => {
    const { child, told } = await start();
    child.kill("SIGKILL");
    await engineGone(told.url);
  });

  it("stays when one of two users was killed", async () => {
    const { child, told } = await start();
    const engine = await open();
    child.kill("SIGKILL");
    await gone(child);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal((await engine.endpoint()).url, told.url);
    assert.equal((await fetch(`${told.url}/healthz`)).status, 200);
  });

  it("is started again when it dies, on the same port and with another key", async () => {
    const events: EngineEvent[] = [];
    const engine = await open({ onEvent: (event) => events.push(event) });
    const before = await engine.endpoint();
    process.kill(pidIn(events), "SIGKILL");
    while (!events.some((event) => event.kind === "lost")) await new Promise((resolve) => setTimeout(resolve, 5));
    const after = await engine.endpoint();
    assert.equal(after.url, before.url);
    assert.notEqual(after.apiKey, before.apiKey);
    const answer = await fetch(`${after.url}/collections`, { headers: { "api-key": before.apiKey } });
    assert.equal(answer.status, 401);
    assert.deepEqual(
      events.map((event) => event.kind),
      ["started", "lost", "started"],
    );
    assert.equal((await fetch(`${after.url}/healthz`)).status, 200);
  });

  it("is found again by every user when it dies, and is one process then too", async () => {
    const all: EngineEvent[][] = [[], [], []];
    for (const events of all) await open({ onEvent: (event) => events.push(event) });
    const [first = []] = all;
    process.kill(pidIn(first), "SIGKILL");
    while (!all.every((events) => events.some((event) => event.kind === "lost")))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const addresses = await Promise.all(engines.map((engine) => engine.endpoint()));
    assert.equal(new Set(addresses.map(({ url }) => url)).size, 1);
    assert.equal(new Set(all.map(pidIn)).size, 1);
  });

  it("leaves no dead process behind for its starter to reap", async () => {
    const events: EngineEvent[] = [];
    const engine = await open({ onEvent: (event) => events.push(event) });
    const { url } = await engine.endpoint();
    await engine.release();
    await engineGone(url);
    const pid = pidIn(events);
    for (let waited = 0; alive(pid) && waited < 5_000; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(alive(pid), false);
  });

  it("does not answer to a user who has released it", async () => {
    const engine = await open();
    await engine.release();
    await assert.rejects(engine.endpoint(), refused(/released/));
  });

  it("starts where an address was left behind by one that is gone", async () => {
    mkdirSync(join(dataDir, "engine"));
    writeFileSync(file("endpoint.json"), JSON.stringify({ version: "x", pid: 1, port: 1, key: "0".repeat(64) }));
    const { url, apiKey } = await (await open()).endpoint();
    assert.equal((await fetch(`${url}/collections`, { headers: { "api-key": apiKey } })).status, 200);
  });

  it("starts where another program answers at the address that was left behind", async () => {
    const other = createServer((_, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = other.address() as AddressInfo;
      mkdirSync(join(dataDir, "engine"));
      writeFileSync(file("endpoint.json"), JSON.stringify({ version: "x", pid: 1, port, key: "0".repeat(64) }));
      const { url } = await (await open()).endpoint();
      assert.notEqual(new URL(url).port, String(port));
    } finally {
      other.close();
    }
  });

  it("starts where the address that was left behind is not to be read", async () => {
    mkdirSync(join(dataDir, "engine"));
    writeFileSync(file("endpoint.json"), '{"port":');
    assert.equal((await fetch(`${(await (await open()).endpoint()).url}/healthz`)).status, 200);
  });

  it("takes a folder over from another version that nobody uses", async () => {
    const process = startVersion("another");
    await listening();
    const events: EngineEvent[] = [];
    await open({ onEvent: (event) => events.push(event) });
    assert.notEqual(pidIn(events), process.pid);
  });

  it("refuses a folder that another version serves to others, and says so", async () => {
    startVersion("another");
    const { port, key } = await listening();
    const lease = await fetch(`http://127.0.0.1:${port}/embedded/lease?version=another`, {
      headers: { "api-key": key },
    });
    assert.equal(lease.status, 200);
    await assert.rejects(open(), refused(/version another of the engine serves this folder/));
    await lease.body?.cancel();
  });

  it("says that the process ended when it could not start, and keeps what it said to the cause", async () => {
    mkdirSync(join(dataDir, "engine"));
    writeFileSync(file("collections"), "");
    await assert.rejects(open(), (thrown: unknown) => {
      assert.ok(thrown instanceof DafhError && thrown.cause instanceof Error);
      assert.equal(thrown.code, "ENGINE_UNAVAILABLE");
      assert.match(thrown.message, /it ended \(exit status 1\); see engine\.log in the data folder$/);
      assert.match(thrown.cause.message, /FileExistsError/);
      return true;
    });
  });

  it("says that the data folder cannot be made", async () => {
    writeFileSync(join(dataDir, "taken"), "");
    await assert.rejects(openEmbeddedEngine({ dataDir: join(dataDir, "taken") }), refused(/cannot be made/));
  });

  it("says that it is not installed, and how to install it", () => {
    const root = packageWithout(dataDir);
    assert.throws(() => findRuntime(root), refused(/not installed/, "ENGINE_NOT_INSTALLED"));
  });

  it("says that its Python is gone", () => {
    const root = packageWithout(dataDir);
    const { version: _, ...real } = findRuntime();
    const marker = JSON.parse(readFileSync(join(real.packages, "engine.json"), "utf8"));
    mkdirSync(join(root, ".python", "old"), { recursive: true });
    writeFileSync(
      join(root, ".python", "old", "engine.json"),
      JSON.stringify({ ...marker, python: join(root, "no-python") }),
    );
    assert.throws(() => findRuntime(root), refused(/is gone/, "PYTHON_MISSING"));
  });

  /** The engine's process under another version's name. It ends by itself when it has no user. */
  function startVersion(version: string): ChildProcess {
    const { python, packages, server } = findRuntime();
    mkdirSync(join(dataDir, "engine"), { mode: 0o700 });
    const options = [
      "--packages",
      packages,
      "--folder",
      join(dataDir, "engine"),
      "--version",
      version,
      "--linger-seconds",
      "1",
    ];
    const child = spawn(python, ["-I", server, ...options], { stdio: "ignore" });
    users.push(child);
    return child;
  }

  async function listening(): Promise<{ port: number; key: string }> {
    while (!existsSync(file("endpoint.json"))) await new Promise((resolve) => setTimeout(resolve, 20));
    return JSON.parse(readFileSync(file("endpoint.json"), "utf8"));
  }
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A package of the same requirements with nothing installed. */
function packageWithout(folder: string): string {
  const root = join(folder, "package");
  const { server } = findRuntime();
  mkdirSync(join(root, "plugin", "embedded", "server"), { recursive: true });
  writeFileSync(
    join(root, "plugin", "embedded", "requirements.txt"),
    readFileSync(join(server, "..", "requirements.txt")),
  );
  return root;
}
