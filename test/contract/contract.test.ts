/**
 * The contract: what the plugin and its users may count on, whichever engine answers. It runs unchanged over the
 * embedded engine and, where QDRANT_URL (with QDRANT_API_KEY) is set, over that Qdrant server.
 */
import { reachableEngines } from "../support/engine.js";
import { COLLECTION_CASES } from "./collections.js";
import { ERROR_CASES } from "./errors.js";
import { FILTER_CASES } from "./filters.js";
import { type Contract, openContract } from "./fixture.js";
import { GROUP_CASES } from "./groups.js";
import { POINT_CASES } from "./points.js";
import { QUERY_CASES } from "./queries.js";
import { RANKING_CASES } from "./ranking.js";
import { SCROLL_CASES } from "./scrolling.js";

const CASES = [
  ...COLLECTION_CASES,
  ...POINT_CASES,
  ...SCROLL_CASES,
  ...FILTER_CASES,
  ...QUERY_CASES,
  ...RANKING_CASES,
  ...GROUP_CASES,
  ...ERROR_CASES,
];

for (const engine of reachableEngines()) {
  describe(`contract: ${engine.name}`, function () {
    this.timeout(30_000);
    let contract: Contract;

    before(async () => {
      contract = await openContract(await engine.open());
    });

    after(() => contract.close());

    for (const { title, run } of CASES) {
      it(title, () => run(contract));
    }
  });
}
