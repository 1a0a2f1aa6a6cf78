/** GET /openapi.json: made once, from the DTOs. */
import type { RequestHandler } from "express";
import { openApiDocument } from "../openapi.js";

export function openapi(): RequestHandler {
  const document = JSON.stringify(openApiDocument());
  return (_request, response) => {
    response.type("json").send(document);
  };
}
