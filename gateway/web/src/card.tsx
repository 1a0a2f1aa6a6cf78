/** One result: its preview, what it is, and how near it is. */
import type { ResultItem, SearchAnswer } from "../../../schemas/dto.js";

interface CardProps {
  readonly result: ResultItem;
  /** Bits of the code. */
  readonly bits: number;
  readonly mode: SearchAnswer["plan"]["mode"];
  readonly onOpen: (result: ResultItem) => void;
  readonly onSearchBy: (result: ResultItem) => void;
}

export function Card({ result, bits, mode, onOpen, onSearchBy }: CardProps) {
  const { rank, score, hammingDistance, modality, frame, payload } = result;
  const part = payload.bodyPartExamined ?? payload.label ?? "–";
  // Mode hamming has no similarity of features: there the share of equal bits is the measure.
  const share = mode === "hamming" ? 1 - hammingDistance / bits : score;
  const frames = payload.frames ?? 1;
  return (
    <article class="card">
      <button type="button" class="picture-button" onClick={() => onOpen(result)}>
        <Preview result={result} />
        <span class="hidden">Result </span>
        <span class="rank">{rank}</span>
        <span class="hidden">: </span>
        {modality !== null && <span class={`badge ${modality.toLowerCase()}`}>{modality}</span>}
        {payload.synthetic === true && <span class="badge made">synthetic</span>}
        <span class="hidden"> {part}. Show its details</span>
      </button>
      <div class="meter" aria-hidden="true">
        <span style={{ width: `${Math.round(Math.max(0, Math.min(1, share)) * 100)}%` }} />
      </div>
      <dl>
        <div>
          <dt>{mode === "hamming" ? "Equal bits" : "Similarity"}</dt>
          <dd>{mode === "hamming" ? `${bits - hammingDistance} of ${bits}` : score.toFixed(3)}</dd>
        </div>
        <div>
          <dt>Hamming</dt>
          <dd>
            {hammingDistance} of {bits}
          </dd>
        </div>
        <div>
          <dt>Part</dt>
          <dd title={part}>{part}</dd>
        </div>
        <div>
          <dt>Frame</dt>
          <dd>{frames > 1 ? `${frame} of ${frames}` : frame}</dd>
        </div>
      </dl>
      <button type="button" class="quiet" onClick={() => onSearchBy(result)}>
        Search by this<span class="hidden"> (result {rank})</span>
      </button>
    </article>
  );
}

export function Preview({ result }: { readonly result: ResultItem }) {
  if (result.previewUrl === null) return <span class="picture none">No preview is kept here</span>;
  return <img class="picture" src={result.previewUrl} alt="" loading="lazy" />;
}
