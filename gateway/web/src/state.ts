/** The page's state and every way it changes. Pure; `app.tsx` does the asking. */
import type { SearchAnswer } from "../../../schemas/dto.js";
import type { GroupBy, QdrantFilter, SearchMode } from "../../../schemas/index.js";
import type { Problem, SearchOptions, SearchQuery } from "./api.js";

/** Fields that are offered as filters, with their heading. */
export const FILTER_FIELDS = [
  ["bodyPartExamined", "Body part"],
  ["manufacturer", "Manufacturer"],
  ["label", "Label"],
  ["patientSex", "Sex"],
] as const;
type FilterField = (typeof FILTER_FIELDS)[number][0];

export interface State {
  readonly query: SearchQuery | null;
  readonly modality: readonly string[];
  readonly chosen: Readonly<Partial<Record<FilterField, readonly string[]>>>;
  readonly mode: SearchMode;
  readonly groupBy: GroupBy | null;
  readonly limit: number;
  readonly frame: number;
  readonly searching: boolean;
  readonly answer: SearchAnswer | null;
  readonly problem: Problem | null;
}

export const START: State = {
  query: null,
  modality: [],
  chosen: {},
  mode: "two-stage",
  groupBy: null,
  limit: 12,
  frame: 1,
  searching: false,
  answer: null,
  problem: null,
};

export type Action =
  | { readonly type: "ask"; readonly query: SearchQuery }
  | { readonly type: "forget" }
  | { readonly type: "modality"; readonly value: string }
  | { readonly type: "choose"; readonly field: FilterField; readonly value: string }
  | { readonly type: "clear-filters" }
  | { readonly type: "set"; readonly options: Partial<Pick<State, "mode" | "groupBy" | "limit" | "frame">> }
  | { readonly type: "searching" }
  | { readonly type: "answered"; readonly answer: SearchAnswer }
  | { readonly type: "failed"; readonly problem: Problem };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "ask":
      return { ...state, query: action.query, frame: 1, answer: null, problem: null };
    case "forget":
      return { ...state, query: null, frame: 1, answer: null, problem: null, searching: false };
    case "modality":
      return { ...state, modality: toggled(state.modality, action.value) };
    case "choose":
      return {
        ...state,
        chosen: { ...state.chosen, [action.field]: toggled(state.chosen[action.field] ?? [], action.value) },
      };
    case "clear-filters":
      return { ...state, modality: [], chosen: {} };
    case "set":
      return { ...state, ...action.options };
    case "searching":
      return { ...state, searching: true, problem: null };
    case "answered":
      return { ...state, searching: false, answer: action.answer };
    case "failed":
      return { ...state, searching: false, answer: null, problem: action.problem };
  }
}

export function searchOptions(state: State): SearchOptions {
  const { modality, mode, groupBy, limit, frame } = state;
  return { modality, filter: filterOf(state.chosen), mode, groupBy, limit, frame };
}

export function isFiltered({ modality, chosen }: State): boolean {
  return modality.length > 0 || filterOf(chosen) !== null;
}

/** Any of a field's values, all of the fields. */
function filterOf(chosen: State["chosen"]): QdrantFilter | null {
  const must = Object.entries(chosen)
    .filter(([, values]) => values.length > 0)
    .map(([key, values]) => ({ key, match: { any: values } }));
  return must.length === 0 ? null : { must };
}

function toggled(values: readonly string[], value: string): string[] {
  return values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
}
