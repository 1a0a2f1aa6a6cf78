/** GET /v1/instances/:id/preview: its PNG, from this machine's catalogue; the engine is not asked. */
import { createHash } from "node:crypto";
import type { RequestHandler } from "express";
import { DafhError } from "../../schemas/index.js";
import type { GatewayContext } from "../context.js";
import { instanceId } from "./instance.js";

export function preview({ catalogue }: GatewayContext): RequestHandler {
  return (request, response) => {
    const png = catalogue.preview(instanceId(request.params.id));
    if (png === undefined) throw new DafhError("PREVIEW_NOT_FOUND", "No preview of that instance is kept here.");
    // Private: a preview is a patient's image, no shared cache may keep it.
    response.setHeader("cache-control", "private, max-age=300");
    response.setHeader("etag", `"${createHash("sha256").update(png).digest("base64url").slice(0, 22)}"`);
    response.type("png");
    if (request.fresh) response.status(304).end();
    else response.send(Buffer.from(png.buffer, png.byteOffset, png.byteLength));
  };
}
