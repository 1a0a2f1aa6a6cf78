/** What is searched by: a place to drop or choose an image, and afterwards the image as the network sees it. */
import { useState } from "preact/hooks";
import type { SearchQuery } from "./api.js";
import type { Action, State } from "./state.js";
import { describe } from "./words.js";

interface QueryProps {
  readonly state: State;
  readonly onAsk: (query: SearchQuery) => void;
  readonly dispatch: (action: Action) => void;
}

export function Query({ state, onAsk, dispatch }: QueryProps) {
  const { query, answer, searching, frame } = state;
  const frames = answer?.query.attributes?.frames ?? 1;
  return (
    <div class="query">
      <DropZone onAsk={onAsk} compact={query !== null} />
      {query !== null && (
        <figure class="asked">
          <Picture preview={previewOf(state)} attention={answer?.query.attention} searching={searching} />
          <figcaption>
            <strong>{query.kind === "file" ? query.file.name : "A stored image"}</strong>
            {answer !== null && <span>{describe(answer.query.attributes)}</span>}
            {(answer?.query.foreignScore ?? 0) > 1 && (
              <span class="foreign" role="note">
                Unlike every kind of image that the network knows: what it finds may mean little.
              </span>
            )}
            {answer !== null && <code title="Binary code of the query, hex">{answer.query.code}</code>}
            {query.kind === "file" && frames > 1 && (
              <label class="frame">
                Frame
                <input
                  type="number"
                  min={1}
                  max={frames}
                  value={frame}
                  onChange={({ currentTarget }) => {
                    const wanted = Math.round(currentTarget.valueAsNumber);
                    if (wanted >= 1 && wanted <= frames) dispatch({ type: "set", options: { frame: wanted } });
                  }}
                />
                of {frames}
              </label>
            )}
            <button type="button" class="quiet" onClick={() => dispatch({ type: "forget" })}>
              Clear
            </button>
          </figcaption>
        </figure>
      )}
    </div>
  );
}

function previewOf({ query, answer }: State): string | null {
  return query?.kind === "id" ? query.previewUrl : (answer?.query.preview ?? null);
}

interface PictureProps {
  readonly preview: string | null;
  readonly attention: string | undefined;
  readonly searching: boolean;
}

function Picture({ preview, attention, searching }: PictureProps) {
  const [looked, setLooked] = useState(false);
  if (preview === null) return searching ? <div class="picture waiting" /> : null;
  return (
    <>
      <div class="looked">
        <img class="picture" src={preview} alt="The query, as it was read" />
        {looked && attention !== undefined && <img class="attention" src={attention} alt="Where the network looked" />}
      </div>
      {attention !== undefined && (
        <label class="look">
          <input type="checkbox" checked={looked} onChange={({ currentTarget }) => setLooked(currentTarget.checked)} />
          Show where the network looked
        </label>
      )}
    </>
  );
}

function DropZone({ onAsk, compact }: { readonly onAsk: QueryProps["onAsk"]; readonly compact: boolean }) {
  const [over, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file !== undefined) onAsk({ kind: "file", file });
  };
  return (
    <label
      class={`drop${over ? " over" : ""}${compact ? " compact" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <input
        type="file"
        class="hidden"
        aria-describedby="drop-hint"
        onChange={({ currentTarget }) => {
          take(currentTarget.files);
          // So that choosing the same file again is a change again.
          currentTarget.value = "";
        }}
      />
      <span class="drop-title">{compact ? "Drop or choose another" : "Drop an image here, or choose one"}</span>
      <span id="drop-hint">DICOM, PNG or JPEG. It goes to this gateway only and is not kept.</span>
    </label>
  );
}
