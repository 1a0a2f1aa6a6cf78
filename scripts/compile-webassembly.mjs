/**
 * Compiles the C of encoder/dicom/ to WebAssembly and writes each module, as base64, into a NAME.generated.ts beside its
 * source. For whoever changes the C; needs a clang with the wasm32 target, and wasm-ld.
 *
 *     node scripts/compile-webassembly.mjs
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../encoder/dicom/", import.meta.url));
const FOR_WASM = ["--target=wasm32", "-O3", "-msimd128", "-nostdlib", "-fno-builtin", "-Wall", "-Wextra", "-Werror"];
const FOR_LINKER = ["--no-entry", "-z,stack-size=1024", "--strip-all"].map((option) => `-Wl,${option}`);

const folder = mkdtempSync(join(tmpdir(), "dafh-compile-"));
try {
  for (const source of readdirSync(SOURCES).filter((name) => name.endsWith(".c"))) {
    const name = basename(source, ".c");
    const module = join(folder, `${name}.wasm`);
    execFileSync("clang", [...FOR_WASM, ...FOR_LINKER, "-o", module, join(SOURCES, source)], { stdio: "inherit" });
    const sha256 = createHash("sha256")
      .update(readFileSync(join(SOURCES, source)))
      .digest("hex");
    writeFileSync(
      join(SOURCES, `${name}.generated.ts`),
      `/** Written by \`node scripts/compile-webassembly.mjs\` from ${source}: not to be edited. */
export const ${name.toUpperCase().replaceAll("-", "_")} = {
  sourceSha256: "${sha256}",
  wasmBase64:
    "${readFileSync(module).toString("base64")}",
};
`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
