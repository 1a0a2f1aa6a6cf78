/** GET /v1/instances/:id: what is stored about one frame. */

import { isUUID } from "class-validator";
import type { RequestHandler } from "express";
import type { InstanceAnswer } from "../../schemas/dto.js";
import { DafhError } from "../../schemas/index.js";
import { type GatewayContext, scopeOf } from "../context.js";
import { previewUrl } from "../mapping/search-answer.js";
import { untilAborted } from "../middleware/limits.js";

export function instance({ collection, catalogue }: GatewayContext): RequestHandler {
  return async (request, response) => {
    const { abort, requestId } = scopeOf(response);
    const id = instanceId(request.params.id);
    const [stored] = await untilAborted(abort.signal, () => collection.fetch([id]));
    if (stored === undefined) throw new DafhError("INSTANCE_NOT_FOUND", "No instance of that id is stored.");
    const answer: InstanceAnswer = {
      id,
      payload: stored.payload,
      previewUrl: previewUrl(id, catalogue.hasPreview),
      requestId,
    };
    response.json(answer);
  };
}

/** @throws DafhError BAD_OPTION */
export function instanceId(id: unknown): string {
  if (typeof id !== "string" || !isUUID(id)) {
    throw new DafhError("BAD_OPTION", "The id of an instance is a UUID.", { field: "id" });
  }
  return id.toLowerCase();
}
