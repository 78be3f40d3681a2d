/** The model that a page is about: by a reference in its address, or the newest. */
import type { Model, Page } from "../api/types";
import { useRecord } from "./poll";

export interface Choice {
  models: Model[];
  model: Model | undefined; // undefined for checkpoints of jobs, and while it is read
  reference: string; // what `model=` of the API gets
  ready: boolean;
  error: unknown;
}

/** `given`: name, name@version, name@alias or job:{id}@{step}; empty: the newest model. */
export function useModel(given: string): Choice {
  const list = useRecord<Page<Model>>("/v1/models?limit=200", 15);
  const models = list.data?.data ?? [];
  const reference = given || models[0]?.name || "";
  const [name = "", version] = reference.split("@");
  const numbered = version !== undefined && /^\d+$/.test(version);
  const aliased = version !== undefined && !numbered;
  const alias = useRecord<{ version: number }>(
    aliased && !name.includes(":") ? `/v1/models/${name}/aliases/${version}` : null,
  );
  const wanted = numbered ? Number(version) : alias.data?.version;
  const path = wanted ? `/v1/models/${name}/versions/${wanted}` : `/v1/models/${name}`;
  const known = useRecord<Model>(name && !name.includes(":") && (!aliased || wanted) ? path : null);
  const ready =
    list.data !== undefined && (!name || name.includes(":") || known.data !== undefined);
  return {
    models,
    model: known.data,
    reference,
    ready,
    error: known.error ?? alias.error ?? list.error,
  };
}
