/** What whoever runs the gateway counts on: health, metrics, logs, headers, limits and an orderly end. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ERRORS } from "../../schemas/index.js";
import { refusal, searchAnswer } from "./answers.js";
import { heldUpload, rawRequest } from "./raw-http.js";
import {
  daikonFiles,
  formOf,
  imageForm,
  openParts,
  type Parts,
  postForm,
  postJson,
  type Running,
  run,
  type Serving,
  type StoredImage,
  serve,
} from "./running.js";

describe("the gateway, in operation", function () {
  this.timeout(60_000);
  let gateway: Serving;
  let parts: Parts;
  let stored: readonly StoredImage[];
  let image: string;

  before(async () => {
    gateway = await serve(async () => (await daikonFiles("brain")).slice(0, 12));
    ({ parts, stored } = gateway);
    image = stored.at(-1)?.path ?? "";
  });

  after(() => gateway.close());

  const metrics = async (url = gateway.url) => (await fetch(`${url}/metrics`)).text();

  /** A gateway of its own over the same parts, closed whatever happens. */
  async function withGateway(config: Parameters<typeof run>[1], work: (own: Running) => Promise<void>): Promise<void> {
    const own = await run(parts, config);
    try {
      await work(own);
    } finally {
      await own.close();
    }
  }

  describe("headers", () => {
    it("let the page load from and talk to this gateway only", async () => {
      const { headers } = await fetch(`${gateway.url}/`);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /script-src 'self'(;|$)/);
      assert.match(policy, /connect-src 'self'(;|$)/);
      assert.ok(!policy.includes("unsafe"));
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("x-frame-options"), "DENY");
      assert.equal(headers.get("x-powered-by"), null);
    });

    it("grant nothing to other origins", async () => {
      const { headers } = await fetch(`${gateway.url}/healthz`, { headers: { origin: "https://example.org" } });
      assert.equal(headers.get("access-control-allow-origin"), null);
      assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    });

    it("carry the request's id: the caller's own where it is sound, else a new one", async () => {
      const own = randomUUID();
      const idOf = async (given: string) =>
        (await fetch(`${gateway.url}/healthz`, { headers: { "x-request-id": given } })).headers.get("x-request-id");
      assert.equal(await idOf(own), own);
      assert.match((await idOf("short")) ?? "", /^[0-9a-f-]{36}$/);
      assert.match((await idOf('" onload="alert(1)')) ?? "", /^[0-9a-f-]{36}$/);
    });
  });

  describe("requests for another host or from another site", () => {
    const withHeaders = (headers: Record<string, string>) =>
      rawRequest(gateway.url, { method: "GET", path: "/healthz", headers });

    it("are refused: a name that was rebound to this machine", async () => {
      for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]"]) {
        const { status, body } = await withHeaders({ host });
        assert.equal(status, 421, host);
        assert.match(body, /HOST_NOT_ALLOWED/);
      }
    });

    it("are taken under every name of this machine, at any port", async () => {
      for (const host of ["localhost", "localhost:9999", "127.0.0.1:1", "[::1]:8080", "LOCALHOST"]) {
        assert.equal((await withHeaders({ host })).status, 200, host);
      }
    });

    it("are refused: what another site's page sends, save a link to this page", async () => {
      assert.equal((await withHeaders({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).status, 421);
      assert.equal((await withHeaders({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status, 200);
      const posted = await rawRequest(gateway.url, {
        headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
      });
      assert.equal(posted.status, 421);
    });

    it("are taken for the hosts that the configuration allows", async () => {
      await withGateway({ allowedHosts: ["Search.example.org"] }, async (own) => {
        const as = (host: string) => rawRequest(own.url, { method: "GET", path: "/healthz", headers: { host } });
        assert.equal((await as("search.example.org")).status, 200);
        assert.equal((await as("other.example.org")).status, 421);
      });
    });
  });

  describe("metrics", () => {
    it("count requests, stages, candidates and the state of the parts", async () => {
      await withGateway({}, async (own) => {
        await searchAnswer(await postForm(own.url, await imageForm(image, { candidateLimit: "50" })));
        await fetch(`${own.url}/v1/instances/${randomUUID()}`);
        await fetch(`${own.url}/some/${randomUUID()}`);
        const text = await metrics(own.url);
        const expected = [
          'dafh_http_requests_total{route="search",method="POST",status="200"} 1',
          'dafh_http_requests_total{route="instance",method="GET",status="404"} 1',
          'dafh_http_requests_total{route="other",method="GET",status="404"} 1',
          'dafh_http_errors_total{code="INSTANCE_NOT_FOUND"} 1',
          'dafh_search_stage_duration_seconds_count{stage="encode"} 1',
          'dafh_search_stage_duration_seconds_count{stage="engine"} 1',
          "dafh_search_candidates_sum 50",
          'dafh_search_results_sum{mode="two-stage"} 10',
          'dafh_part_up{part="engine"} 1',
          'dafh_part_up{part="encoder"} 1',
          "dafh_uploads_in_flight 0",
        ];
        for (const line of expected) assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`);
        assert.match(text, /dafh_engine_points\{engine="embedded",status="\w+"\} 12\n/);
      });
    });

    it("name no instance and no request", async () => {
      const text = await metrics();
      assert.ok(!/[0-9a-f]{8}-[0-9a-f]{4}-/.test(text), text);
    });

    it("have the encoder's batch sizes where both were given one registry", async () => {
      const own = await run(parts, {}, parts.registry);
      try {
        assert.match(await metrics(own.url), /dafh_encoder_batch_size_count [1-9]/);
      } finally {
        await own.close();
      }
    });
  });

  describe("the log", () => {
    it("has one JSON line a request, without a file's name, a filter's value, a query string or an address", async () => {
      await withGateway({}, async (own) => {
        const filter = '{"must":[{"key":"manufacturer","match":{"value":"SECRETVALUE"}}]}';
        const bytes = new Blob([await readFile(image)]);
        await postForm(own.url, formOf(bytes, { filter }, "SECRETNAME^JOHN.dcm"));
        await postForm(own.url, formOf(new Blob(["SECRETBYTES"]), {}, "SECRETNAME.dcm"));
        await fetch(`${own.url}/v1/facets?field=modality&filter=${encodeURIComponent(filter)}`);
        await fetch(`${own.url}/SECRETPATH?SECRETQUERY=1`);
        await postJson(own.url, '{"SECRETFIELD": 1}');
        await postJson(own.url, "SECRETJSON");
        await delay(50);
        const text = own.log.join("");
        assert.ok(!text.includes("SECRET"), text);
        const lines = own.log.map((line) => JSON.parse(line) as Record<string, unknown>);
        const requests = lines.filter(({ msg }) => msg === "request");
        assert.deepEqual(
          requests.map(({ route, status }) => [route, status]),
          [
            ["search", 200],
            ["search", 415],
            ["facets", 200],
            ["other", 404],
            ["search", 400],
            ["search", 400],
          ],
        );
        assert.ok(
          requests.every(({ requestId, durationMs }) => typeof requestId === "string" && Number(durationMs) > 0),
        );
      });
    });
  });

  describe("a client that goes away", () => {
    it("is counted as 499 without an error, while its body is read and while it is searched for", async () => {
      await withGateway({}, async (own) => {
        const body = await readFile(image);
        const uploading = heldUpload(own.url, body);
        while (!(await metrics(own.url)).includes("dafh_uploads_in_flight 1\n")) await delay(10);
        uploading.leave();
        await assert.rejects(uploading.answer);
        const searching = heldUpload(own.url, body);
        searching.finish();
        await delay(5); // the body is there, and the image takes longer to encode
        searching.leave();
        await assert.rejects(searching.answer);
        const left = () => own.log.map((line) => JSON.parse(line)).filter(({ status }) => status === 499);
        while (left().length < 2) await delay(10);
        await delay(100);
        assert.deepEqual(
          left().map(({ route, code }) => [route, code]),
          [
            ["search", undefined],
            ["search", undefined],
          ],
        );
        assert.ok(!own.log.some((line) => line.includes('"failed"')), own.log.join(""));
        assert.ok(!(await metrics(own.url)).includes("dafh_http_errors_total{"));
      });
    });
  });

  describe("compression", () => {
    const encodingOf = async (path: string) =>
      (await fetch(`${gateway.url}${path}`, { headers: { "accept-encoding": "gzip" } })).headers.get(
        "content-encoding",
      );

    it("is for large answers only, and never for previews", async () => {
      assert.equal(await encodingOf("/healthz"), null);
      assert.equal(await encodingOf(`/v1/instances/${stored[0]?.point.id}/preview`), null);
      const small = await postForm(gateway.url, await imageForm(image, { limit: "1" }));
      assert.equal(small.headers.get("content-encoding"), null);
      // 12 results with a preview of the query of some tens of kilobytes.
      const large = await postForm(gateway.url, await imageForm(image, { limit: "100", queryPreview: "true" }));
      assert.notEqual(large.headers.get("content-encoding"), null);
      await searchAnswer(large);
    });
  });

  describe("limits", () => {
    it("of requests a minute: refused with Retry-After, previews and health not counted", async () => {
      await withGateway({ requestsPerMinute: 3 }, async (own) => {
        const preview = `${own.url}/v1/instances/${stored[0]?.point.id}/preview`;
        for (let at = 0; at < 5; at++) assert.equal((await fetch(preview)).status, 200);
        const facets = () => fetch(`${own.url}/v1/facets?field=modality`);
        for (let at = 0; at < 3; at++) assert.equal((await facets()).status, 200);
        const refused = await facets();
        await refusal(refused, 429, "RATE_LIMITED");
        assert.ok(Number(refused.headers.get("retry-after")) > 0);
        assert.equal((await fetch(`${own.url}/healthz`)).status, 200);
      });
    });

    it("of uploads at one time: one more is refused with Retry-After, and let in afterwards", async () => {
      await withGateway({ concurrentUploads: 1 }, async (own) => {
        const held = heldUpload(own.url, await readFile(image));
        while (!(await metrics(own.url)).includes("dafh_uploads_in_flight 1\n")) await delay(10);
        const refused = await postForm(own.url, await imageForm(image));
        await refusal(refused, 503, "OVERLOADED");
        assert.ok(Number(refused.headers.get("retry-after")) > 0);
        // A search without an upload needs no room.
        await searchAnswer(await postJson(own.url, { id: stored[0]?.point.id }));
        held.finish();
        assert.equal((await held.answer).status, 200);
        await searchAnswer(await postForm(own.url, await imageForm(image)));
      });
    });

    it("of time: an upload that does not end", async () => {
      await withGateway({ requestTimeoutMs: 200 }, async (own) => {
        const { status, body } = await heldUpload(own.url, await readFile(image)).answer;
        assert.equal(status, 504, body);
        assert.match(body, /TIMEOUT/);
        assert.equal((await fetch(`${own.url}/healthz`)).status, 200);
      });
    });

    it("of time: an image that takes longer to encode; the encoder goes on with the next", async () => {
      await withGateway({ requestTimeoutMs: 5 }, async (own) => {
        await refusal(await postForm(own.url, await imageForm(image)), 504, "TIMEOUT");
      });
      await searchAnswer(await postForm(gateway.url, await imageForm(image)));
    });
  });

  describe("its end", () => {
    it("takes no new connection, finishes what is in flight, and then is over", async () => {
      const own = await run(parts);
      const held = heldUpload(own.url, await readFile(image));
      while (!(await metrics(own.url)).includes("dafh_uploads_in_flight 1\n")) await delay(10);
      const closed = own.close();
      await assert.rejects(rawRequest(own.url, { method: "GET", path: "/healthz" }), /ECONNREFUSED/);
      held.finish();
      assert.equal((await held.answer).status, 200);
      await closed;
    });

    it("cuts off what does not finish in time", async () => {
      const own = await run(parts, { shutdownGraceMs: 200 });
      const held = heldUpload(own.url, await readFile(image));
      while (!(await metrics(own.url)).includes("dafh_uploads_in_flight 1\n")) await delay(10);
      const startedMs = performance.now();
      const [answer] = await Promise.all([held.answer, own.close()]);
      assert.equal(answer.status, 503);
      assert.ok(performance.now() - startedMs < 5000);
    });
  });

  it("says ready while its parts are, and with a part gone not ready but healthy", async () => {
    const lost = await openParts();
    const own = await run(lost);
    try {
      const ready = await fetch(`${own.url}/readyz`);
      assert.equal(ready.status, 200);
      await lost.encoder.close();
      await delay(1100); // looks within a second are shared
      const without = await fetch(`${own.url}/readyz`);
      assert.equal(without.status, 503);
      const { engine, encoder } = (await without.json()) as Record<
        "engine" | "encoder",
        { ready: boolean; code?: string; message?: string }
      >;
      assert.equal(encoder.message, ERRORS.ENCODER_UNAVAILABLE.meaning);
      assert.deepEqual([engine.ready, encoder.ready, encoder.code], [true, false, "ENCODER_UNAVAILABLE"]);
      assert.equal((await fetch(`${own.url}/healthz`)).status, 200);
      assert.match(await metrics(own.url), /dafh_part_up\{part="encoder"\} 0\n/);
      await refusal(await postForm(own.url, await imageForm(image)), 503, "ENCODER_UNAVAILABLE");
    } finally {
      await own.close();
      await lost.close();
    }
  });
});
