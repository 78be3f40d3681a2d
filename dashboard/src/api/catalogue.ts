/** What the workers can do, as far as the pages use it: GET /v1/catalogue. */
import type { Schema } from "../logic/order";

export interface Preset {
  summary: string;
  options: Record<string, unknown> | null;
  chooses: { preset: string; images_below: number | null }[]; // where `options` is null
}

export interface Catalogue {
  presets: Record<string, Preset>;
  options: { properties: Record<string, Schema> };
  metrics: Record<string, { summary: string; better: string }>;
}
