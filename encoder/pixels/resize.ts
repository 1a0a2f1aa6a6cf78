/**
 * Resampling of a grey image: separable, with a triangle as wide as the reduction (so that what is made smaller is
 * averaged, not picked). Our own, because training and serving must get the same bits on every machine.
 */

/** For each output position: the first input index and the weights that follow it, which add up to 1. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Float32Array[];
}

/** rows × columns in, `outRows` × `outColumns` out, both row-major; pixel centres stay where they are. */
export function resize(
  values: Float32Array,
  rows: number,
  columns: number,
  outRows: number,
  outColumns: number,
): Float32Array {
  const narrow = resampleRows(values, rows, columns, triangleTaps(columns, outColumns));
  return resampleColumns(narrow, outColumns, triangleTaps(rows, outRows));
}

function triangleTaps(size: number, outSize: number): Taps {
  const ratio = size / outSize;
  const radius = Math.max(ratio, 1);
  const first = new Int32Array(outSize);
  const weights: Float32Array[] = [];
  for (let out = 0; out < outSize; out++) {
    const centre = (out + 0.5) * ratio;
    const start = Math.max(0, Math.floor(centre - radius));
    const end = Math.min(size, Math.ceil(centre + radius));
    const raw: number[] = [];
    let total = 0;
    for (let index = start; index < end; index++) {
      const weight = Math.max(0, 1 - Math.abs(index + 0.5 - centre) / radius);
      raw.push(weight);
      total += weight;
    }
    first[out] = start;
    weights.push(Float32Array.from(raw, (weight) => weight / total));
  }
  return { first, weights };
}

function resampleRows(values: Float32Array, rows: number, columns: number, taps: Taps): Float32Array {
  const outColumns = taps.weights.length;
  const result = new Float32Array(rows * outColumns);
  taps.weights.forEach((weights, out) => {
    const start = taps.first[out] ?? 0;
    for (let row = 0; row < rows; row++) {
      const offset = row * columns + start;
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += (values[offset + tap] ?? 0) * (weights[tap] ?? 0);
      result[row * outColumns + out] = sum;
    }
  });
  return result;
}

function resampleColumns(values: Float32Array, columns: number, taps: Taps): Float32Array {
  const outRows = taps.weights.length;
  const result = new Float32Array(outRows * columns);
  taps.weights.forEach((weights, out) => {
    const start = taps.first[out] ?? 0;
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) {
        sum += (values[(start + tap) * columns + column] ?? 0) * (weights[tap] ?? 0);
      }
      result[out * columns + column] = sum;
    }
  });
  return result;
}
