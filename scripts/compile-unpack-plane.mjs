/**
 * Compiles encoder/dicom/unpack-plane.c to WebAssembly and writes it, as base64, into unpack-plane.generated.ts beside it.
 * For whoever changes the C; needs a clang with the wasm32 target, and wasm-ld.
 *
 *     node scripts/compile-unpack-plane.mjs
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../encoder/dicom/unpack-plane.c", import.meta.url));
const WRITTEN = fileURLToPath(new URL("../encoder/dicom/unpack-plane.generated.ts", import.meta.url));
const FOR_WASM = ["--target=wasm32", "-O3", "-msimd128", "-nostdlib", "-fno-builtin", "-Wall", "-Wextra", "-Werror"];
const FOR_LINKER = ["--no-entry", "-z,stack-size=1024", "--strip-all"].map((option) => `-Wl,${option}`);

const folder = mkdtempSync(join(tmpdir(), "dafh-compile-"));
try {
  const module = join(folder, "unpack-plane.wasm");
  execFileSync("clang", [...FOR_WASM, ...FOR_LINKER, "-o", module, SOURCE], { stdio: "inherit" });
  const sha256 = createHash("sha256").update(readFileSync(SOURCE)).digest("hex");
  writeFileSync(
    WRITTEN,
    `/** Written by \`node scripts/compile-unpack-plane.mjs\` from unpack-plane.c: not to be edited. */
export const UNPACK_PLANE = {
  sourceSha256: "${sha256}",
  wasmBase64:
    "${readFileSync(module).toString("base64")}",
};
`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
