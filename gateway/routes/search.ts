/** POST /v1/search: by an uploaded image (multipart), or by a stored id or a ready embedding (JSON or multipart). */
import type { Request, RequestHandler, Response } from "express";
import { deidentifiedAttributes } from "../../encoder/index.js";
import { type QueryInfo, type SearchAnswer, SearchBody } from "../../schemas/dto.js";
import { codeToHex, DafhError, type Embedding, packCode, type SearchRequest } from "../../schemas/index.js";
import { type GatewayContext, type RequestScope, scopeOf } from "../context.js";
import { attentionPicture } from "../mapping/attention-picture.js";
import { plainFromFields } from "../mapping/fields.js";
import { toPlanInfo, toResults } from "../mapping/search-answer.js";
import { toEmbedding, toSearchRequest } from "../mapping/search-request.js";
import { validated } from "../mapping/validated.js";
import { observeStage } from "../metrics.js";
import { readForm, readJson } from "../middleware/body.js";
import { Gate, untilAborted } from "../middleware/limits.js";

/** Longest side of the query's own preview, in pixels. */
const QUERY_PREVIEW_SIZE = 320;

/** What the request is after its body was read: validated options and what to search by. */
interface Asked {
  readonly body: SearchBody;
  readonly image?: Uint8Array;
}

/** What is searched by, and what the answer says about it. */
interface Query {
  readonly search: SearchRequest["query"];
  readonly info: QueryInfo;
  readonly encodeMs: number | null;
}

export function search(context: GatewayContext): RequestHandler {
  const { config, metrics } = context;
  const gate = new Gate(config.concurrentUploads, (inside) => metrics.uploadsInFlight.set(inside));
  return async (request, response) => {
    const scope = scopeOf(response);
    const respond = async (read: () => Promise<Asked>) => {
      const asked = await untilAborted(scope.abort.signal, read);
      observeStage(metrics, "read", performance.now() - scope.startedAtMs);
      response.json(await answer(context, scope, asked));
    };
    switch (request.is(["multipart/form-data", "application/json"])) {
      case "multipart/form-data":
        return gate.within(() => respond(() => askedByForm(request, response, config.maxUploadBytes)));
      case "application/json":
        return respond(() => askedByJson(request, response, config.maxJsonBytes));
      default:
        throw noReadableBody(request);
    }
  };
}

async function askedByForm(request: Request, response: Response, maxUploadBytes: number): Promise<Asked> {
  const { fields, image } = await readForm(request, response, maxUploadBytes);
  const body = validated(SearchBody, plainFromFields(fields));
  return image === undefined ? { body } : { body, image };
}

async function askedByJson(request: Request, response: Response, maxJsonBytes: number): Promise<Asked> {
  return { body: validated(SearchBody, await readJson(request, response, maxJsonBytes)) };
}

async function answer(context: GatewayContext, scope: RequestScope, asked: Asked): Promise<SearchAnswer> {
  const { collection, catalogue, metrics } = context;
  const { signal } = scope.abort;
  const query = await untilAborted(signal, () => queryOf(context, asked, signal));
  const request = toSearchRequest(asked.body, query.search);
  const searchFrom = performance.now();
  const found = await untilAborted(signal, () => collection.search(request, { signal }));
  const searchMs = performance.now() - searchFrom;
  observeStage(metrics, "search", searchMs);
  observeStage(metrics, "engine", found.timingsMs.engine);
  if (found.plan.candidateLimit !== null) metrics.candidates.observe(found.plan.candidateLimit);
  const mapped = toResults(found, catalogue.hasPreview);
  metrics.results.observe({ mode: found.plan.mode }, mapped.results.length + (mapped.groups?.length ?? 0));
  return {
    query: query.info,
    plan: toPlanInfo(found.plan),
    ...mapped,
    timingsMs: {
      encode: query.encodeMs,
      engine: found.timingsMs.engine,
      search: searchMs,
      total: performance.now() - scope.startedAtMs,
    },
    requestId: scope.requestId,
  };
}

/** @throws DafhError NO_QUERY, SEVERAL_QUERIES, BAD_OPTION, INSTANCE_NOT_FOUND, or what the encoder says of the image */
async function queryOf(context: GatewayContext, { body, image }: Asked, signal: AbortSignal): Promise<Query> {
  const { id, embedding } = body;
  const given = [image, id, embedding].filter((one) => one !== undefined && one !== null);
  if (given.length > 1) throw new DafhError("SEVERAL_QUERIES", `The request has ${given.length} things to search by.`);
  if (image !== undefined) return byImage(context, image, body, signal);
  if (body.frame !== undefined && body.frame !== null) {
    throw new DafhError("BAD_OPTION", "frame goes with an uploaded image only.", { field: "frame" });
  }
  if (id !== undefined && id !== null) return byId(context, id);
  if (embedding !== undefined && embedding !== null) {
    const vectors = toEmbedding(embedding, context.collection.model);
    return { search: { embedding: vectors }, info: { kind: "embedding", code: hexCode(vectors) }, encodeMs: null };
  }
  throw new DafhError("NO_QUERY", "The request has no image, id or embedding to search by.");
}

async function byImage(
  { encoder, catalogue, profile, metrics }: GatewayContext,
  image: Uint8Array,
  body: SearchBody,
  signal: AbortSignal,
): Promise<Query> {
  const frame = body.frame ?? 1;
  const encodeFrom = performance.now();
  const key = catalogue.pseudonymKey;
  const options = {
    frames: [frame],
    pseudonymKey: key,
    signal,
    ...(body.queryPreview === true ? { previewSize: QUERY_PREVIEW_SIZE, attention: true } : {}),
  };
  const encoded = await encoder.encode({ bytes: image }, options).catch((thrown: unknown) => {
    throw notAnImage(thrown);
  });
  const encodeMs = performance.now() - encodeFrom;
  observeStage(metrics, "encode", encodeMs);
  observeStage(metrics, "decode", encoded.timingsMs.decode);
  observeStage(metrics, "network", encoded.timingsMs.network);
  const [first] = encoded.frames;
  if (first === undefined) throw new DafhError("FRAME_OUT_OF_RANGE", `The image has no frame ${frame}.`, { frame });
  const { embedding, preview, attention, foreignScore } = first;
  // A picture goes further than the file it was made from: on a screen, into a report.
  const mayShow = encoded.burnedInText === undefined || profile.pixels === "keep";
  const info: QueryInfo = {
    kind: encoded.kind,
    frame: first.frame,
    code: hexCode(embedding),
    attributes: deidentifiedAttributes(encoded.attributes, { profile, key }),
    ...(preview === undefined || !mayShow
      ? {}
      : { preview: `data:image/png;base64,${Buffer.from(preview).toString("base64")}` }),
    ...(attention === undefined || !mayShow ? {} : { attention: await attentionPicture(attention) }),
    ...(foreignScore === undefined ? {} : { foreignScore }),
  };
  return { search: { embedding }, info, encodeMs };
}

/** What is no PNG or JPEG is read as DICOM, and refused as such; this route takes all three, and says so. */
function notAnImage(thrown: unknown): unknown {
  if (!(thrown instanceof DafhError) || thrown.code !== "NOT_DICOM") return thrown;
  const message = `Neither a PNG nor a JPEG image, and not DICOM: ${thrown.message}.`;
  return new DafhError("UNSUPPORTED_IMAGE", message, {}, { cause: thrown });
}

async function byId({ collection }: GatewayContext, id: string): Promise<Query> {
  const [stored] = await collection.fetch([id]);
  if (stored === undefined)
    throw new DafhError("INSTANCE_NOT_FOUND", "No instance of that id is stored.", { field: "id" });
  const info: QueryInfo = { kind: "id", id, code: stored.payload.code ?? "", attributes: stored.payload };
  return { search: { id }, info, encodeMs: null };
}

const hexCode = ({ hash }: Embedding): string => codeToHex(packCode(hash));

function noReadableBody(request: Request): DafhError {
  return request.get("content-type") === undefined
    ? new DafhError("NO_QUERY", "The request has no body.")
    : new DafhError("UNSUPPORTED_MEDIA_TYPE", "The content type is neither multipart/form-data nor application/json.");
}
