/** This package's own version, from its package.json. */
import { readFileSync } from "node:fs";

export function productVersion(): string {
  // Two levels up from dist/cli/.
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("package.json has no version");
}
