/** Name, purpose, and the state of what stands behind: how many images, which model, or what is wrong. */
import type { ServiceState } from "./api.js";

export function Header({ service }: { readonly service: ServiceState | null }) {
  return (
    <header class="top">
      <div>
        <h1>qdrant-dafh</h1>
        <p>Find the medical images that look like this one.</p>
      </div>
      {service !== null && <State service={service} />}
    </header>
  );
}

function State({ service: { ready, engine, encoder } }: { readonly service: ServiceState }) {
  if (!ready) {
    return (
      <p class="state bad" role="status">
        {engine.ready ? `Encoder: ${encoder.message}` : `Engine: ${engine.message}`}
      </p>
    );
  }
  const points = engine.points ?? 0;
  return (
    <dl class="state">
      <div>
        <dt>Images</dt>
        <dd>{points.toLocaleString("en")}</dd>
      </div>
      <div>
        <dt>Model</dt>
        <dd>{encoder.model}</dd>
      </div>
      <div>
        <dt>Engine</dt>
        <dd>
          Qdrant {engine.version} {engine.engine}
        </dd>
      </div>
    </dl>
  );
}
