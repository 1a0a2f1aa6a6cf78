/**
 * Percentiles of many numbers without sorting them all: quickselect with a fixed pivot rule, so that the same
 * values give the same answer on every machine.
 */

/** The value at `fraction` (0 to 1) of the ascending order, the lower one between two. Reorders `values`; they must be finite and not empty. */
export function percentileInPlace(values: Float32Array, fraction: number): number {
  const target = Math.floor(fraction * (values.length - 1));
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = medianOfThree(at(values, low), at(values, (low + high) >> 1), at(values, high));
    let left = low;
    let right = high;
    while (left <= right) {
      while (at(values, left) < pivot) left++;
      while (at(values, right) > pivot) right--;
      if (left <= right) {
        const moved = at(values, left);
        values[left++] = at(values, right);
        values[right--] = moved;
      }
    }
    if (target <= right) high = right;
    else if (target >= left) low = left;
    else break;
  }
  return at(values, target);
}

function at(values: Float32Array, index: number): number {
  return values[index] ?? 0;
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
