/** The page, as a person meets it: in a real Chromium, over the real gateway. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { type Browser, CHROMIUM, chromiumIsThere, openBrowser } from "./browser.js";
import { daikonFiles, type Serving, serve } from "./running.js";

const SCREENSHOTS = fileURLToPath(new URL("../../../coverage/screenshots/", import.meta.url));
const SKIPPED = chromiumIsThere ? "" : ` (skipped: there is no ${CHROMIUM}; DAFH_CHROMIUM may name another)`;

describe(`the page${SKIPPED}`, function () {
  this.timeout(60_000);
  let gateway: Serving;
  let browser: Browser;
  let page: Page;
  let image: string;

  before(async function () {
    if (!chromiumIsThere) return this.skip();
    const files = await daikonFiles();
    const wanted = /brain_0\d\d|jpeg_2000|jpeg_lossless|rle|implicit_little|jpeg_ls/;
    image = files.find((path) => path.endsWith("brain_010.dcm")) ?? "";
    gateway = await serve(async () => files.filter((path) => wanted.test(path)));
    browser = await openBrowser();
    await mkdir(SCREENSHOTS, { recursive: true });
  });

  beforeEach(async () => {
    page = await browser.open(gateway.url);
  });

  afterEach(async () => {
    await page.close();
  });

  after(async () => {
    if (!chromiumIsThere) return;
    await browser.close();
    await gateway.close();
  });

  const cards = () => page.locator(".card");
  const badges = async () => [...new Set(await page.locator(".card .badge:not(.made)").allTextContents())];
  const settled = () => page.waitForSelector(".results[aria-busy=false] .card");

  async function choose(path = image): Promise<void> {
    await page.setInputFiles("input[type=file]", path);
    await settled();
  }

  it("takes a dropped image and shows ranked previews; picking a modality leaves only its images", async () => {
    await drop(page, image);
    await settled();
    assert.equal(await cards().count(), 12);
    assert.deepEqual(
      await page.locator(".card .rank").allTextContents(),
      Array.from({ length: 12 }, (_, at) => `${at + 1}`),
    );
    await page.locator(".card img").last().scrollIntoViewIfNeeded();
    const images = "[...document.querySelectorAll('.card img, .asked img')]";
    await until(() => page.evaluate(`${images}.every((one) => one.naturalWidth > 0)`));
    assert.match((await page.locator(".asked").textContent()) ?? "", /brain_010\.dcm.*MR/);
    assert.match((await cards().first().textContent()) ?? "", /Similarity[\d.]+Hamming0 of 64/);
    assert.match(
      (await page.locator(".timings").textContent()) ?? "",
      /12 images · encoding .* ms · engine .* ms · total .* ms/,
    );
    await page.screenshot({ path: `${SCREENSHOTS}results.png` });

    await page.getByRole("checkbox", { name: /^CT/ }).check();
    await until(async () => (await cards().count()) < 12);
    assert.deepEqual(await badges(), ["CT"]);
    await page.getByRole("checkbox", { name: /^MR/ }).check();
    await page.getByRole("checkbox", { name: /^CT/ }).uncheck();
    await until(async () => (await cards().count()) === 12);
    assert.deepEqual(await badges(), ["MR"]);
  });

  it("narrows by metadata, and says what to do where nothing is left", async () => {
    await choose();
    await page.getByRole("checkbox", { name: /^CT/ }).check();
    await settled();
    // The package's only Philips image is an MR: chosen before CT was, it would not be offered any more.
    await page.getByRole("checkbox", { name: /^CT/ }).uncheck();
    await page.getByRole("checkbox", { name: /^Philips/ }).check();
    await until(async () => (await cards().count()) === 1);
    await page.getByRole("checkbox", { name: /^CT/ }).check();
    await page.getByText("No image fits these filters").waitFor();
    await page.locator(".notice").getByRole("button", { name: "Clear the filters" }).click();
    await settled();
    assert.equal(await cards().count(), 12);
  });

  it("groups, and compares by the code alone", async () => {
    await choose();
    await page.getByLabel("Group").selectOption({ label: "By series" });
    await page.locator(".group").first().waitFor();
    assert.ok((await page.locator(".group").count()) > 1);
    await page.getByLabel("Group").selectOption({ label: "Not at all" });
    await page.getByLabel("Compare by").selectOption({ label: "Code only" });
    await page.getByText("Equal bits").first().waitFor();
    assert.match((await cards().first().textContent()) ?? "", /64 of 64/);
  });

  it("shows where the network looked, over the query, when asked", async () => {
    await choose();
    assert.equal(await page.locator(".attention").count(), 0);
    await page.getByLabel("Show where the network looked").check();
    const attention = page.getByRole("img", { name: "Where the network looked" });
    await until(() => page.evaluate("document.querySelector('.attention').naturalWidth === 16"));
    assert.deepEqual(await attention.boundingBox(), await page.locator(".asked img.picture").boundingBox());
    await page.screenshot({ path: `${SCREENSHOTS}attention.png` });
    await page.getByLabel("Show where the network looked").uncheck();
    await attention.waitFor({ state: "detached" });
  });

  it("works by keyboard: details open and close, focus comes back, a result becomes the query", async () => {
    await choose();
    const second = page.locator(".picture-button").nth(1);
    await second.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("row", { name: /Series instance UID/ }).waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.match((await page.locator(":focus").textContent()) ?? "", /^Result 2: MR/);

    await page.getByRole("button", { name: "Search by this (result 2)" }).press("Enter");
    await page.locator(".asked").getByText("A stored image").waitFor();
    await settled();
    assert.ok(!((await page.locator(".timings").textContent()) ?? "").includes("encoding"));
  });

  it("reaches the choice of a file with the first key presses", async () => {
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").textContent(), "Skip to the results");
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").getAttribute("type"), "file");
  });

  it("says what is wrong with a file, and what to do", async () => {
    await page.setInputFiles("input[type=file]", {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("hello"),
    });
    const alert = page.getByRole("alert");
    await alert.waitFor();
    const said = (await alert.textContent()) ?? "";
    assert.match(said, /Give a DICOM/);
    assert.match(said, /(UNSUPPORTED_IMAGE|NOT_DICOM) · request [0-9a-f-]{36}/);
  });

  it("says so while nothing is stored", async () => {
    const empty = await serve(async () => []);
    const fresh = await browser.open(empty.url);
    try {
      await fresh.getByText("Nothing has been ingested yet").waitFor();
      assert.match((await fresh.locator(".notice").textContent()) ?? "", /npx dafh ingest FOLDER/);
    } finally {
      await fresh.close();
      await empty.close();
    }
  });

  for (const scheme of ["light", "dark"] as const) {
    it(`has no fault that axe finds, in ${scheme}`, async () => {
      await page.emulateMedia({ colorScheme: scheme });
      assert.deepEqual(await faults(page), []);
      await choose();
      assert.deepEqual(await faults(page), []);
      await page.locator(".picture-button").first().click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await faults(page), []);
      await page.screenshot({ path: `${SCREENSHOTS}detail-${scheme}.png` });
    });
  }

  it("asked nobody but its own gateway, and never broke its policy", () => {
    const own = new URL(gateway.url).hostname;
    assert.deepEqual([...new Set([...browser.hosts].map((host) => host.split(":")[0]))], [own]);
    // Refusals of the gateway show in the console as failed loads; those were asked for above.
    assert.deepEqual(
      browser.complaints.filter((text) => !text.startsWith("Failed to load resource")),
      [],
    );
  });
});

/** Asked from here: the page's policy lets nothing be evaluated inside it later than now. */
async function until(holds: () => Promise<unknown>): Promise<void> {
  for (let at = 0; at < 200; at++) {
    if ((await holds()) === true) return;
    await delay(50);
  }
  assert.fail("It did not come about within 10 seconds.");
}

/** As a person drops a file: with the bytes in a DataTransfer. */
async function drop(page: Page, path: string): Promise<void> {
  const base64 = (await readFile(path)).toString("base64");
  const dataTransfer = await page.evaluateHandle(`(() => {
    const bytes = Uint8Array.from(atob("${base64}"), (character) => character.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], ${JSON.stringify(basename(path))}));
    return dropped;
  })()`);
  await page.dispatchEvent(".drop", "drop", { dataTransfer });
}

/** Rules of WCAG and good practice that the page breaks now, with the elements that do. */
async function faults(page: Page): Promise<unknown> {
  await page.evaluate(axe.source);
  return page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`);
}
