/**
 * Damaged files that once broke something, or that break a codec: by the seed that makes them from the written corpus
 * (`bench/fuzz.ts --replay SEED`). A change of `fuzz-corpus.ts`, `fuzz-damage.ts` or `mutations.ts` makes other bytes of
 * these seeds: the names tell, and the search for them starts anew.
 */
import type { ErrorCode } from "../../../schemas/index.js";

interface Finding {
  readonly seed: number;
  readonly file: string;
  readonly outcome: ErrorCode;
  readonly was: string;
}

const trapped = (seed: number, file: string): Finding => ({
  seed,
  file: `written:${file}`,
  outcome: "PIXEL_DATA_CORRUPT",
  was: "a trap in WebAssembly, after which the thread is replaced",
});

/** Since then decoded by `jpeg-ls-scan.c`, which does not trap. */
const trappedCharls = (seed: number, file: string): Finding => ({
  ...trapped(seed, file),
  was: "a trap in CharLS, which no longer sees it",
});

export const FINDINGS: readonly Finding[] = [
  {
    seed: 1026098,
    file: "written:htj2k-lossy",
    outcome: "PIXEL_DATA_CORRUPT",
    was: "a tile grid that begins inside the image, over which the codec ran for ever",
  },
  {
    seed: 4000118,
    file: "written:jpeg-baseline",
    outcome: "PIXEL_DATA_CORRUPT",
    was: "a quantization table behind a reserved marker, for which the codec looked for ever",
  },
  trappedCharls(2000018, "jpeg-ls-near"),
  trapped(1039510, "jpeg-ls-rgb"),
  trapped(2000187, "htj2k"),
  trapped(2000539, "jpeg-2000-frames-extended"),
  trappedCharls(2000664, "jpeg-ls"),
  trappedCharls(2000823, "jpeg-ls-frames-fragments"),
  trapped(2000860, "jpeg-2000-lossy"),
  trapped(2001664, "htj2k-lossy"),
  trapped(2002100, "jpeg-2000"),
];
