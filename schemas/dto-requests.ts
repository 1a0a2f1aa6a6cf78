/** What the HTTP API takes. Form fields and query strings are brought into these shapes by `gateway/mapping/fields.ts`. */
import "reflect-metadata";
import {
  ArrayMaxSize,
  IsArray,
  IsBase64,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsUUID,
  Matches,
  Max,
  Min,
} from "class-validator";
import { JSONSchema } from "class-validator-jsonschema";
import { described, Nested } from "./dto-decorators.js";
import type { PayloadFieldName } from "./payload.js";
import { PAYLOAD_FIELDS } from "./payload.js";
import type { GroupBy, QdrantFilter, SearchMode } from "./search.js";
import { GROUP_FIELDS, SEARCH_MODES } from "./search.js";

const GROUPS = Object.keys(GROUP_FIELDS) as GroupBy[];
const FIELDS = Object.keys(PAYLOAD_FIELDS) as PayloadFieldName[];
/** Code strings (CS) of DICOM: up to 16 upper-case letters, digits, spaces and underscores (PS3.5 6.2). */
const CODE_STRING = /^[A-Z0-9_ ]{1,16}$/;

/** Names and order of numbers are fixed: float32, little endian, as the encoder gave them. */
@JSONSchema({ additionalProperties: false })
export class EmbeddingBody {
  @IsBase64()
  @described("K floats before the sign: float32 little endian, base64")
  hash!: string;

  @IsBase64()
  @described("D floats before the hash layer: float32 little endian, base64")
  features!: string;
}

@JSONSchema({
  description: "A search by the id of a stored instance or by a ready embedding: exactly one of the two.",
  additionalProperties: false,
})
export class SearchBody {
  @IsOptional()
  @IsUUID()
  @described("Search by this stored instance; it is left out of the results")
  id?: string;

  @IsOptional()
  @Nested(() => EmbeddingBody, "Search by this embedding, made by the collection's own model")
  embedding?: EmbeddingBody;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(32)
  @Matches(CODE_STRING, { each: true, message: "modality must be DICOM code strings such as CT, MR or PT" })
  @described("Only results of any of these modalities; absent = all")
  modality?: string[];

  @IsOptional()
  @IsObject({ message: "filter must be a JSON object with must, should, must_not or min_should" })
  @described("A Qdrant filter over the payload's fields")
  filter?: QdrantFilter;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  @JSONSchema({ description: "How many results (or groups)", default: 10 })
  limit?: number;

  @IsOptional()
  @IsIn(SEARCH_MODES)
  @JSONSchema({
    description: "two-stage: Hamming candidates ordered by float features; hamming: by the code; float: exact",
    default: "two-stage",
  })
  mode?: SearchMode;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  @described(
    "How many Hamming candidates are rescored, from limit on; unless told 200, or limit × groupSize if that is more",
  )
  candidateLimit?: number;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(4096)
  @described("Only what is within this Hamming distance of the query; 0 to K")
  hammingRadius?: number;

  @IsOptional()
  @IsIn(GROUPS)
  @described("Group the results, best group first")
  groupBy?: GroupBy;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100)
  @JSONSchema({ description: "Results a group", default: 3 })
  groupSize?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  @JSONSchema({ description: "Frame of the uploaded image to search by, from 1", default: 1 })
  frame?: number;

  @IsOptional()
  @IsBoolean()
  @JSONSchema({
    description: "Give the query's own preview in the answer, and where the network looked, as data URLs",
    default: false,
  })
  queryPreview?: boolean;
}

@JSONSchema({ additionalProperties: false })
export class FacetsQuery {
  @IsIn(FIELDS)
  @described("An indexed field of the payload")
  field!: PayloadFieldName;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(32)
  @Matches(CODE_STRING, { each: true, message: "modality must be DICOM code strings such as CT, MR or PT" })
  @described("Count only instances of these modalities; give it several times for several")
  modality?: string[];

  @IsOptional()
  @IsObject({ message: "filter must be a JSON object with must, should, must_not or min_should" })
  @described("Count only what this Qdrant filter lets through (JSON)")
  filter?: QdrantFilter;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  @JSONSchema({ description: "How many values, most frequent first", default: 20 })
  limit?: number;
}
