/** What looks like the query, best first; or why there is nothing to see and what to do about it. */
import type { RefObject } from "preact";
import type { ResultGroup, ResultItem, SearchAnswer } from "../../../schemas/dto.js";
import type { ServiceState } from "./api.js";
import { Card } from "./card.js";
import { isFiltered, type State } from "./state.js";
import { fieldTitle, milliseconds, shortKey } from "./words.js";

interface ResultsProps {
  readonly state: State;
  readonly service: ServiceState | null;
  readonly heading: RefObject<HTMLHeadingElement>;
  readonly onOpen: (result: ResultItem) => void;
  readonly onSearchBy: (result: ResultItem) => void;
  readonly onClearFilters: () => void;
}

type CardActions = Pick<ResultsProps, "onOpen" | "onSearchBy">;

export function Results(props: ResultsProps) {
  const { state, heading } = props;
  const { answer, problem, searching } = state;
  return (
    <section class="results" id="results" aria-busy={searching}>
      <div class="results-head">
        <h2 ref={heading} tabIndex={-1}>
          Similar images
        </h2>
        <p class="timings" role="status">
          {searching ? "Searching…" : answer === null ? "" : summary(answer)}
        </p>
      </div>
      {problem !== null && (
        <div class="notice problem" role="alert">
          <h3>{problem.message}</h3>
          <p>{problem.wayOut}</p>
          <p class="small">
            {problem.code}
            {problem.requestId !== null && ` · request ${problem.requestId}`}
          </p>
        </div>
      )}
      {answer !== null && <Answer {...props} answer={answer} />}
      {answer === null && problem === null && <Invitation {...props} />}
    </section>
  );
}

function Answer({
  answer,
  state,
  service,
  onOpen,
  onSearchBy,
  onClearFilters,
}: ResultsProps & { answer: SearchAnswer }) {
  const { results, groups, plan } = answer;
  if (results.length === 0 && (groups ?? []).length === 0) {
    return <Nothing filtered={isFiltered(state)} service={service} onClearFilters={onClearFilters} />;
  }
  const bits = answer.query.code.length * 4;
  const actions = { onOpen, onSearchBy };
  return (
    <>
      {plan.cutThroughTie === true && (
        <p class="hint">More images share the distance of the last one shown. Ask for more results to see them.</p>
      )}
      {groups === undefined ? (
        <Cards results={results} bits={bits} mode={plan.mode} actions={actions} />
      ) : (
        groups.map((group, index) => (
          <Group key={group.key} group={group} place={index + 1} bits={bits} plan={plan} actions={actions} />
        ))
      )}
    </>
  );
}

interface CardsProps {
  readonly results: readonly ResultItem[];
  readonly bits: number;
  readonly mode: SearchAnswer["plan"]["mode"];
  readonly actions: CardActions;
}

function Cards({ results, bits, mode, actions }: CardsProps) {
  return (
    <ol class="cards">
      {results.map((result) => (
        <li key={result.id}>
          <Card result={result} bits={bits} mode={mode} {...actions} />
        </li>
      ))}
    </ol>
  );
}

interface GroupProps {
  readonly group: ResultGroup;
  readonly place: number;
  readonly bits: number;
  readonly plan: SearchAnswer["plan"];
  readonly actions: CardActions;
}

function Group({ group, place, bits, plan, actions }: GroupProps) {
  return (
    <section class="group">
      <h3>
        {place}. {fieldTitle(plan.groupBy ?? "group")} <code title={group.key}>{shortKey(group.key)}</code>
      </h3>
      <Cards results={group.results} bits={bits} mode={plan.mode} actions={actions} />
    </section>
  );
}

function summary({ results, groups, timingsMs }: SearchAnswer): string {
  const found = groups === undefined ? `${results.length} images` : `${groups.length} groups`;
  const encode = timingsMs.encode === null ? "" : `encoding ${milliseconds(timingsMs.encode)} · `;
  return `${found} · ${encode}engine ${milliseconds(timingsMs.engine)} · total ${milliseconds(timingsMs.total)}`;
}

function Invitation({ state, service }: Pick<ResultsProps, "state" | "service">) {
  if (state.searching)
    return (
      <ol class="cards waiting" aria-hidden="true">
        {Array.from({ length: 8 }, (_, at) => (
          <li key={at} />
        ))}
      </ol>
    );
  if (service?.engine.points === 0) return <NothingStored />;
  return (
    <div class="notice">
      <h3>Start with an image</h3>
      <p>
        Drop a CT, MR or PET image on the left: a DICOM file, or a PNG or JPEG picture. The most similar stored images
        appear here, best first. Modalities and filters narrow them down; any result can be the next query.
      </p>
    </div>
  );
}

function NothingStored() {
  return (
    <div class="notice">
      <h3>Nothing has been ingested yet</h3>
      <p>Fill the collection from a folder of DICOM files, then load this page again:</p>
      <pre>npx dafh ingest FOLDER</pre>
    </div>
  );
}

interface NothingProps {
  readonly filtered: boolean;
  readonly service: ServiceState | null;
  readonly onClearFilters: () => void;
}

function Nothing({ filtered, service, onClearFilters }: NothingProps) {
  if (!filtered)
    return service?.engine.points === 0 ? (
      <NothingStored />
    ) : (
      <div class="notice">
        <h3>No image was found</h3>
      </div>
    );
  return (
    <div class="notice">
      <h3>No image fits these filters</h3>
      <p>The collection has images, but none with all that is chosen on the left.</p>
      <button type="button" onClick={onClearFilters}>
        Clear the filters
      </button>
    </div>
  );
}
