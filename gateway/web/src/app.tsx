/** The page: what is searched by on the left, what looks like it on the right. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { FacetValue, ResultItem } from "../../../schemas/dto.js";
import { facet, ProblemError, type SearchQuery, type ServiceState, search, serviceState } from "./api.js";
import { Detail } from "./detail.js";
import { Header } from "./header.js";
import { Options } from "./options.js";
import { Query } from "./query.js";
import { Results } from "./results.js";
import { FILTER_FIELDS, reduce, START, searchOptions } from "./state.js";

export type Facets = Readonly<Record<string, readonly FacetValue[]>>;

export function App() {
  const [state, dispatch] = useReducer(reduce, START);
  const [opened, open] = useState<ResultItem | null>(null);
  const service = useServiceState();
  const facets = useFacets(state.modality);
  const heading = useRef<HTMLHeadingElement>(null);
  const options = searchOptions(state);
  const asked = JSON.stringify(options);

  // Searches again whenever what is asked changes; a search that was overtaken is called off.
  useEffect(() => {
    const { query } = state;
    if (query === null) return;
    const overtaken = new AbortController();
    dispatch({ type: "searching" });
    search(query, options, overtaken.signal)
      .then((answer) => dispatch({ type: "answered", answer }))
      .catch((fault: unknown) => {
        if (!overtaken.signal.aborted) dispatch({ type: "failed", problem: problemOf(fault) });
      });
    return () => overtaken.abort();
  }, [state.query, asked]);

  const ask = (query: SearchQuery) => {
    open(null);
    dispatch({ type: "ask", query });
  };
  const searchBy = (result: ResultItem) => {
    ask({ kind: "id", id: result.id, previewUrl: result.previewUrl });
    heading.current?.focus();
  };

  return (
    <>
      <a class="skip" href="#results">
        Skip to the results
      </a>
      <Header service={service} />
      <main>
        <section class="panel" aria-label="Query">
          <Query state={state} onAsk={ask} dispatch={dispatch} />
          <Options state={state} facets={facets} dispatch={dispatch} />
        </section>
        <Results
          state={state}
          service={service}
          heading={heading}
          onOpen={open}
          onSearchBy={searchBy}
          onClearFilters={() => dispatch({ type: "clear-filters" })}
        />
      </main>
      {opened !== null && <Detail result={opened} onClose={() => open(null)} onSearchBy={searchBy} />}
    </>
  );
}

function useServiceState(): ServiceState | null {
  const [service, set] = useState<ServiceState | null>(null);
  useEffect(() => {
    const left = new AbortController();
    serviceState(left.signal)
      .then(set)
      .catch((fault: unknown) => {
        const { message } = problemOf(fault);
        if (!left.signal.aborted) {
          set({ ready: false, engine: { ready: false, message }, encoder: { ready: false, message } });
        }
      });
    return () => left.abort();
  }, []);
  return service;
}

/** Modalities over all images; the other fields over the chosen modalities only. */
function useFacets(modality: readonly string[]): Facets {
  const [facets, set] = useState<Facets>({});
  useEffect(() => {
    const overtaken = new AbortController();
    const wanted = [["modality", []], ...FILTER_FIELDS.map(([field]) => [field, modality] as const)] as const;
    for (const [field, among] of wanted) {
      facet(field, among, overtaken.signal)
        .then((values) => set((known) => ({ ...known, [field]: values })))
        .catch(() => {
          // The filters are an offer; what is wrong is said where a search fails, and in the header.
          if (!overtaken.signal.aborted) set((known) => ({ ...known, [field]: [] }));
        });
    }
    return () => overtaken.abort();
  }, [modality.join()]);
  return facets;
}

function problemOf(fault: unknown) {
  if (fault instanceof ProblemError) return fault.problem;
  return {
    code: "PAGE",
    message: "This page failed in a way that it does not foresee.",
    wayOut: "Load it again.",
    requestId: null,
  };
}
