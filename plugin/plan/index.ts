/** What is asked, as data: `SearchRequest` → `RetrievalPlan` (plan.ts) → the body that Qdrant is sent (query.ts). Pure. */
export { isPayloadField } from "./condition.js";
export { checkPointIds } from "./filter.js";
export { mergeFilter, planRetrieval, type RetrievalPlan, SEARCH_LIMITS, summarisePlan, wholeNumber } from "./plan.js";
export { resultsBeyondLimit, toQdrantQuery } from "./query.js";
