/** A Chromium of this machine, with a profile of its own and nothing that talks to anybody. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";

/** Debian's; another one's path may be given. */
export const CHROMIUM = process.env.DAFH_CHROMIUM ?? "/usr/bin/chromium";
export const chromiumIsThere = existsSync(CHROMIUM);

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Browser {
  /** A new tab at this address; what it complains about goes to `complaints`, whom it asks to `hosts`. */
  open(url: string, colorScheme?: "light" | "dark"): Promise<Page>;
  readonly complaints: string[];
  readonly hosts: Set<string>;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "dafh-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 900 },
  });
  const complaints: string[] = [];
  const hosts = new Set<string>();
  context.on("request", (request) => hosts.add(new URL(request.url()).host));
  return {
    complaints,
    hosts,
    async open(url, colorScheme = "light") {
      const page = await context.newPage();
      await page.emulateMedia({ colorScheme });
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      page.on("pageerror", (fault) => complaints.push(fault.message));
      await page.goto(url);
      return page;
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
