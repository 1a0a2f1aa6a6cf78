/**
 * Attributes of one frame of an enhanced multi-frame object (PS3.3 C.7.6.16): from its own functional group, else
 * from the shared one, else from the top of the dataset, where classic objects keep them.
 */
import type { Dataset } from "./dataset.js";
import type { Keyword } from "./dictionary.js";

/** Datasets in which an attribute of frame `index` (from 0) that belongs to `macro` may stand, the most specific first. */
function frameScopes(dataset: Dataset, index: number, macro: Keyword): Dataset[] {
  const groups = [
    dataset.items("PerFrameFunctionalGroupsSequence")[index],
    dataset.items("SharedFunctionalGroupsSequence")[0],
  ];
  const scopes: Dataset[] = [];
  for (const group of groups) {
    const item = group?.items(macro)[0];
    if (item !== undefined) scopes.push(item);
  }
  return [...scopes, dataset];
}

/** Numbers of the first scope that has any. */
export function frameNumbers(dataset: Dataset, index: number, macro: Keyword, keyword: Keyword): number[] {
  return firstOf(frameScopes(dataset, index, macro), (scope) => scope.numbers(keyword));
}

export function frameString(dataset: Dataset, index: number, macro: Keyword, keyword: Keyword): string | undefined {
  return firstOf(frameScopes(dataset, index, macro), (scope) =>
    scope.isAsItShould(keyword) ? scope.strings(keyword) : [],
  ).find((value) => value !== "");
}

function firstOf<Value>(scopes: readonly Dataset[], read: (scope: Dataset) => Value[]): Value[] {
  for (const scope of scopes) {
    const values = read(scope);
    if (values.length > 0) return values;
  }
  return [];
}
