/** The middleware chain on one page: a request goes through it from top to bottom. */
import express, { type Express, type RequestHandler } from "express";
import { DafhError } from "../schemas/index.js";
import { type GatewayContext, type RouteName, scopeOf } from "./context.js";
import { compressLargeAnswers, securityHeaders } from "./middleware/answer-headers.js";
import { errorAnswer } from "./middleware/error-answer.js";
import { hostGuard } from "./middleware/host-guard.js";
import { deadline, rateLimit } from "./middleware/limits.js";
import { requestScope } from "./middleware/request-scope.js";
import { facets } from "./routes/facets.js";
import { healthz, metricsText, readyz } from "./routes/health.js";
import { instance } from "./routes/instance.js";
import { openapi } from "./routes/openapi.js";
import { page } from "./routes/page.js";
import { preview } from "./routes/preview.js";
import { search } from "./routes/search.js";

export function createApp(context: GatewayContext): Express {
  const { config } = context;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag"); // Previews and the page have their own; hashing every search's answer would be for nothing.
  app.set("query parser", "simple");

  app.use(requestScope(context)); // id, clock, log line, counts
  app.use(securityHeaders());
  app.use(hostGuard(config));
  app.use(compressLargeAnswers());

  get("healthz", "/healthz", healthz());
  get("readyz", "/readyz", readyz(context));
  get("metrics", "/metrics", metricsText(context));
  get("openapi", "/openapi.json", openapi());

  app.use("/v1", deadline(config.requestTimeoutMs));
  get("preview", "/v1/instances/:id/preview", preview(context)); // one page shows many: not counted against the rate
  const rate = rateLimit(config.requestsPerMinute);
  get("instance", "/v1/instances/:id", rate, instance(context));
  get("facets", "/v1/facets", rate, facets(context));
  post("search", "/v1/search", rate, search(context));

  app.use(page());
  app.use(notFound);
  app.use(errorAnswer(context));
  return app;

  function get(name: RouteName, path: string, ...handlers: RequestHandler[]): void {
    app.get(path, named(name), ...handlers);
    app.all(path, named(name), onlyMethod("GET, HEAD"));
  }

  function post(name: RouteName, path: string, ...handlers: RequestHandler[]): void {
    app.post(path, named(name), ...handlers);
    app.all(path, named(name), onlyMethod("POST"));
  }
}

function named(name: RouteName): RequestHandler {
  return (_request, response, next) => {
    scopeOf(response).route = name;
    next();
  };
}

function onlyMethod(allow: string): RequestHandler {
  return (_request, response) => {
    response.setHeader("allow", allow);
    throw new DafhError("METHOD_NOT_ALLOWED", `This address takes ${allow} only.`);
  };
}

const notFound: RequestHandler = () => {
  throw new DafhError("NOT_FOUND", "There is nothing at this address.");
};
