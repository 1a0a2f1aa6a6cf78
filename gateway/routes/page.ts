/** GET / and its assets: the built page of `gateway/web`. Names of assets hold their content's hash, so they may be kept. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import express, { type RequestHandler } from "express";
import { DafhError } from "../../schemas/index.js";
import { scopeOf } from "../context.js";

/** Beside the compiled gateway: dist/gateway/routes/page.js → dist/web. */
const PAGE_FOLDER = fileURLToPath(new URL("../../web/", import.meta.url));

export function page(): RequestHandler {
  const files = express.static(PAGE_FOLDER, {
    setHeaders: (response, path) => {
      const kept = path.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
      response.setHeader("cache-control", kept);
    },
  });
  return (request, response, next) => {
    if (request.path === "/" && !existsSync(PAGE_FOLDER)) {
      throw new DafhError("NOT_FOUND", "The page has not been built: npm run build makes it.");
    }
    files(request, response, (fault?: unknown) => {
      if (fault === undefined) next();
      else next(fault);
    });
    response.once("finish", () => {
      if (response.statusCode < 400) scopeOf(response).route = "page";
    });
  };
}
