/** GET /v1/facets: the values of a payload field and how many instances have each. */
import type { RequestHandler } from "express";
import { type FacetsAnswer, FacetsQuery } from "../../schemas/dto.js";
import { type GatewayContext, scopeOf } from "../context.js";
import { plainFromFields } from "../mapping/fields.js";
import { validated } from "../mapping/validated.js";
import { untilAborted } from "../middleware/limits.js";

const USUAL_LIMIT = 20;

export function facets({ collection }: GatewayContext): RequestHandler {
  return async (request, response) => {
    const { abort, requestId } = scopeOf(response);
    const { field, filter, modality, limit } = validated(FacetsQuery, plainFromFields(request.query));
    const values = await untilAborted(abort.signal, () =>
      collection.facet(field, {
        limit: limit ?? USUAL_LIMIT,
        ...(filter === undefined ? {} : { filter }),
        ...(modality === undefined ? {} : { modality }),
      }),
    );
    const answer: FacetsAnswer = { field, values, requestId };
    response.json(answer);
  };
}
