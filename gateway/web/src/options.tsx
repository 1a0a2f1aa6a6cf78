/** How to search: modalities and metadata as chips, mode, grouping and the number of results. */
import type { ComponentChildren } from "preact";
import type { GroupBy, SearchMode } from "../../../schemas/index.js";
import type { Facets } from "./app.js";
import { type Action, FILTER_FIELDS, isFiltered, type State } from "./state.js";

interface OptionsProps {
  readonly state: State;
  readonly facets: Facets;
  readonly dispatch: (action: Action) => void;
}

const MODE_TITLES: Readonly<Record<SearchMode, string>> = {
  "two-stage": "Code, then features (fast)",
  hamming: "Code only",
  float: "Features only (exact)",
};
const GROUP_TITLES: Readonly<Record<GroupBy, string>> = {
  series: "By series",
  study: "By study",
  patient: "By patient",
};
const LIMITS = [6, 12, 24, 48, 96];

export function Options({ state, facets, dispatch }: OptionsProps) {
  return (
    <form class="options" onSubmit={(event) => event.preventDefault()}>
      <Chips
        title="Modality"
        values={facets.modality ?? []}
        chosen={state.modality}
        onToggle={(value) => dispatch({ type: "modality", value })}
      />
      {FILTER_FIELDS.map(([field, title]) => (
        <Chips
          key={field}
          title={title}
          values={facets[field] ?? []}
          chosen={state.chosen[field] ?? []}
          onToggle={(value) => dispatch({ type: "choose", field, value })}
        />
      ))}
      {isFiltered(state) && (
        <button type="button" class="quiet" onClick={() => dispatch({ type: "clear-filters" })}>
          Clear the filters
        </button>
      )}
      <div class="selects">
        <Select
          title="Compare by"
          value={state.mode}
          onChange={(value) => dispatch({ type: "set", options: { mode: value as SearchMode } })}
        >
          {Object.entries(MODE_TITLES).map(([mode, title]) => (
            <option key={mode} value={mode}>
              {title}
            </option>
          ))}
        </Select>
        <Select
          title="Group"
          value={state.groupBy ?? ""}
          onChange={(value) =>
            dispatch({ type: "set", options: { groupBy: value === "" ? null : (value as GroupBy) } })
          }
        >
          <option value="">Not at all</option>
          {Object.entries(GROUP_TITLES).map(([group, title]) => (
            <option key={group} value={group}>
              {title}
            </option>
          ))}
        </Select>
        <Select
          title="Results"
          value={String(state.limit)}
          onChange={(value) => dispatch({ type: "set", options: { limit: Number(value) } })}
        >
          {LIMITS.map((limit) => (
            <option key={limit} value={String(limit)}>
              {limit}
            </option>
          ))}
        </Select>
      </div>
    </form>
  );
}

interface ChipsProps {
  readonly title: string;
  readonly values: readonly { readonly value: string | number | boolean; readonly count: number }[];
  readonly chosen: readonly string[];
  readonly onToggle: (value: string) => void;
}

function Chips({ title, values, chosen, onToggle }: ChipsProps) {
  const offered = values.map(({ value, count }) => ({ value: String(value), count }));
  // What is chosen stays in sight even where the other choices leave none of it.
  const gone = chosen.filter((value) => !offered.some((one) => one.value === value));
  const all = [...offered, ...gone.map((value) => ({ value, count: 0 }))].filter(({ value }) => value !== "");
  if (all.length === 0) return null;
  return (
    <fieldset>
      <legend>{title}</legend>
      <div class="chips">
        {all.map(({ value, count }) => (
          <label key={value} class="chip">
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => onToggle(value)} />
            <span>
              {value} <small>{count.toLocaleString("en")}</small>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface SelectProps {
  readonly title: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly children: ComponentChildren;
}

function Select({ title, value, onChange, children }: SelectProps) {
  return (
    <label class="select">
      {title}
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {children}
      </select>
    </label>
  );
}
