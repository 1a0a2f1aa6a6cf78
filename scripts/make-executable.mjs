/** The compiler writes plain files; `npx dafh` runs this one. */
import { chmodSync } from "node:fs";

chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755);
