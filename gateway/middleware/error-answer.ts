/**
 * Last in the chain: any thrown value becomes `{error: {code, message, where?, wayOut}, requestId}` with the status of
 * its code. Logged are the code and where in our code it came from; never a message of a cause, which may quote the
 * request.
 */
import type { ErrorRequestHandler, Request, Response } from "express";
import type { ErrorAnswer } from "../../schemas/dto.js";
import { asDafhError, DafhError, ERRORS, stackPlaces } from "../../schemas/index.js";
import { type GatewayContext, scopeOf } from "../context.js";
import { publicMessage } from "../public-message.js";
import { HTTP_STATUS, retryAfterSeconds } from "../status.js";

/** How long a client that still sends its refused body may take to read the answer before the connection is cut. */
const LINGER_MS = 1000;

export function errorAnswer({ logger, metrics }: GatewayContext): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = known(thrown);
    const scope = scopeOf(response);
    // The client has gone: whatever ended for that is no error of this request.
    if (response.destroyed) return;
    scope.errorCode = error.code;
    // Half an answer is out: nothing can be said any more.
    if (response.headersSent) {
      response.destroy();
      return;
    }
    metrics.errors.inc({ code: error.code });
    if (ERRORS[error.code].kind !== "input") {
      logger.error(
        { requestId: scope.requestId, route: scope.route, code: error.code, trace: stackPlaces(thrown) },
        "failed",
      );
    }
    const retryAfter = retryAfterSeconds(error.code);
    if (retryAfter !== undefined) response.setHeader("retry-after", String(retryAfter));
    cutOffUnreadBody(request, response);
    const { path: _local, ...where } = error.where;
    const answer: ErrorAnswer = {
      error: {
        code: error.code,
        message: publicMessage(error),
        ...(Object.keys(where).length > 0 ? { where } : {}),
        wayOut: error.wayOut,
      },
      requestId: scope.requestId,
    };
    response.status(HTTP_STATUS[error.code]).json(answer);
  };
}

/** Express and its parts throw errors with a `status`; one of 400 to 499 is the request's fault. */
function known(thrown: unknown): DafhError {
  const status = thrown instanceof Error && "status" in thrown ? Number(thrown.status) : 500;
  if (!(thrown instanceof DafhError) && status >= 400 && status < 500) {
    return new DafhError("BAD_REQUEST", "The request's address or headers cannot be read.", {}, { cause: thrown });
  }
  return asDafhError(thrown);
}

/** The answer goes out at once; a body that keeps coming after it is not read to its end. */
function cutOffUnreadBody(request: Request, response: Response): void {
  if (request.complete) return;
  response.once("finish", () => {
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once("end", () => clearTimeout(timer));
    request.once("close", () => clearTimeout(timer));
  });
}
