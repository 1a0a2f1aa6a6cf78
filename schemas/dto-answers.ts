/** What the HTTP API gives. Every answer carries the request's id; nothing in any of them names a patient or a path. */
import "reflect-metadata";
import { Allow, IsIn, IsInt, IsNumber, IsObject, IsOptional, IsString, IsUUID, Min } from "class-validator";
import { JSONSchema } from "class-validator-jsonschema";
import { described, Nested, NestedList, nullable, ofTypes } from "./dto-decorators.js";
import type { ErrorCode } from "./errors.js";
import { ERRORS } from "./errors.js";
import type { InstanceAttributes, InstancePayload, PayloadFieldName } from "./payload.js";
import { PAYLOAD_FIELDS } from "./payload.js";
import type { GroupBy, SearchMode } from "./search.js";
import { SEARCH_MODES } from "./search.js";

const FIELDS = Object.keys(PAYLOAD_FIELDS) as PayloadFieldName[];
const CODES = Object.keys(ERRORS) as ErrorCode[];

const PAYLOAD_REF = { $ref: "#/components/schemas/InstancePayload" };

const QUERY_KINDS = ["dicom", "image", "id", "embedding"] as const;

export class QueryInfo {
  @IsIn(QUERY_KINDS)
  @described("What was searched by")
  kind!: (typeof QUERY_KINDS)[number];

  @IsOptional()
  @IsUUID()
  id?: string;

  @IsOptional()
  @IsInt()
  @described("Frame of the uploaded image that was searched by")
  frame?: number;

  @IsString()
  @described("The query's binary code, hex, most significant bit first")
  code!: string;

  @IsOptional()
  @JSONSchema({ ...PAYLOAD_REF, description: "What the image says about itself" })
  @IsObject()
  attributes?: InstanceAttributes | InstancePayload;

  @IsOptional()
  @IsString()
  @described("PNG as a data URL; only when queryPreview was asked for")
  preview?: string;

  @IsOptional()
  @IsString()
  @described(
    "Where the network looked: PNG as a data URL, to lay over the preview. It covers the square around the preview, and is the more opaque the more a place counts. Only when queryPreview was asked for",
  )
  attention?: string;

  @IsOptional()
  @IsNumber()
  @described(
    "How unlike everything that the network was trained on the uploaded image is; above 1 its results mean little",
  )
  foreignScore?: number;
}

export class PlanInfo {
  @IsIn(SEARCH_MODES)
  mode!: SearchMode;

  @IsInt()
  limit!: number;

  @Allow()
  @nullable("integer", "How many Hamming candidates were rescored")
  candidateLimit!: number | null;

  @Allow()
  @nullable("integer", "The Hamming distance that the results were cut at")
  hammingRadius!: number | null;

  @Allow()
  @nullable("string", "What the results are grouped by")
  groupBy!: GroupBy | null;

  @Allow()
  @nullable("boolean", "true: the last result shares its distance with others that were cut off")
  cutThroughTie!: boolean | null;
}

export class ResultItem {
  @IsUUID()
  id!: string;

  @IsInt()
  @Min(1)
  rank!: number;

  @IsNumber()
  @described("Cosine similarity of the features; in mode hamming: K − 2 · Hamming distance")
  score!: number;

  @IsInt()
  @Min(0)
  @described("Bits in which the code differs from the query's")
  hammingDistance!: number;

  @Allow()
  @nullable("string", "DICOM modality; null where the image does not say")
  modality!: string | null;

  @IsInt()
  @Min(1)
  frame!: number;

  @JSONSchema(PAYLOAD_REF)
  @IsObject()
  payload!: InstancePayload;

  @Allow()
  @nullable("string", "null where no preview is kept")
  previewUrl!: string | null;
}

export class ResultGroup {
  @IsString()
  @described("The series, study or patient that the results share")
  key!: string;

  @NestedList(() => ResultItem)
  results!: ResultItem[];
}

export class SearchTimings {
  @Allow()
  @nullable("number", "Decoding and network; null without an image")
  encode!: number | null;

  @IsNumber()
  @described("Inside Qdrant, as it reports")
  engine!: number;

  @IsNumber()
  @described("Planning, transport, engine and mapping")
  search!: number;

  @IsNumber()
  @described("The whole request, reading its body included")
  total!: number;
}

export class SearchAnswer {
  @Nested(() => QueryInfo)
  query!: QueryInfo;

  @Nested(() => PlanInfo)
  plan!: PlanInfo;

  @NestedList(() => ResultItem, "Best first; empty when grouped")
  results!: ResultItem[];

  @IsOptional()
  @NestedList(() => ResultGroup, "Best group first; only when groupBy was given")
  groups?: ResultGroup[];

  @Nested(() => SearchTimings)
  timingsMs!: SearchTimings;

  @IsString()
  requestId!: string;
}

export class InstanceAnswer {
  @IsUUID()
  id!: string;

  @JSONSchema(PAYLOAD_REF)
  @IsObject()
  payload!: InstancePayload;

  @Allow()
  @nullable("string", "null where no preview is kept")
  previewUrl!: string | null;

  @IsString()
  requestId!: string;
}

export class FacetValue {
  @Allow()
  @ofTypes("string", "number", "boolean")
  value!: string | number | boolean;

  @IsInt()
  count!: number;
}

export class FacetsAnswer {
  @IsIn(FIELDS)
  field!: PayloadFieldName;

  @NestedList(() => FacetValue, "Most frequent first")
  values!: FacetValue[];

  @IsString()
  requestId!: string;
}

export class ErrorInfo {
  @IsIn(CODES)
  code!: ErrorCode;

  @IsString()
  @described("What was wrong with this very request")
  message!: string;

  @IsOptional()
  @IsObject()
  @described("Where: field of the request, DICOM tag, frame")
  where?: { tag?: string; frame?: number; field?: string };

  @IsString()
  @described("What to do about it")
  wayOut!: string;
}

export class ErrorAnswer {
  @Nested(() => ErrorInfo)
  error!: ErrorInfo;

  @IsString()
  requestId!: string;
}
