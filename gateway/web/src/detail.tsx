/** One result in full: its preview and all that is stored about it. */
import { useEffect, useRef } from "preact/hooks";
import type { ResultItem } from "../../../schemas/dto.js";
import { Preview } from "./card.js";
import { fieldTitle } from "./words.js";

interface DetailProps {
  readonly result: ResultItem;
  readonly onClose: () => void;
  readonly onSearchBy: (result: ResultItem) => void;
}

export function Detail({ result, onClose, onSearchBy }: DetailProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // A modal dialog keeps the keyboard inside and gives the focus back when it closes.
  useEffect(() => dialog.current?.showModal(), []);
  const fields = Object.entries(result.payload).sort(([one], [other]) => one.localeCompare(other));
  return (
    <dialog ref={dialog} class="detail" aria-labelledby="detail-title" onClose={onClose}>
      <div class="detail-head">
        <h2 id="detail-title">Result {result.rank}</h2>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
      <div class="detail-body">
        <div class="detail-picture">
          <Preview result={result} />
          <button type="button" onClick={() => onSearchBy(result)}>
            Search by this
          </button>
        </div>
        <table>
          <tbody>
            <tr>
              <th scope="row">Id</th>
              <td>{result.id}</td>
            </tr>
            {fields.map(([field, value]) => (
              <tr key={field}>
                <th scope="row">{fieldTitle(field)}</th>
                <td>{Array.isArray(value) ? value.join(", ") : String(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </dialog>
  );
}
