/** Builds the page into `dist/web`, beside the compiled gateway; DAFH_DIST names another dist folder. */
import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = process.env.DAFH_DIST ?? "dist";

export default defineConfig({
  root,
  plugins: [preact()],
  build: {
    outDir: fileURLToPath(new URL(`../../${dist}/web`, import.meta.url)),
    emptyOutDir: true,
    // No data: URLs and no polyfills: the gateway's Content-Security-Policy knows scripts and styles as files only.
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
  },
});
