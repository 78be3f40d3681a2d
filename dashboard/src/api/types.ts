/** The records of the API that the pages use; tests/app/test_dashboard.py holds them to openapi.json. */

export interface Progress {
  value: number;
  step: number;
  steps: number | null;
  kimg: number | null;
  images_per_second: number | null;
  eta_seconds: number | null;
}

export interface Transition {
  state: JobState;
  at: string;
  reason: string | null;
}

export type JobState =
  | "queued"
  | "running"
  | "recovering"
  | "cancelling"
  | "pausing"
  | "paused"
  | "succeeded"
  | "failed"
  | "cancelled";

export type JobKind = "train" | "ingest" | "evaluate" | "export" | "push" | "pull" | "estimate";

export interface Job {
  id: string;
  kind: JobKind;
  state: JobState;
  phase: string | null;
  reason: string | null;
  version: number;
  progress: Progress;
  queue_position: number | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  heartbeat_at: string | null;
  attempt: number;
  worker: string | null;
  input: Record<string, unknown>;
  resolved: Record<string, unknown> | null;
  seed: number;
  priority: number;
  metrics: Record<string, unknown>;
  output: Record<string, unknown> | null;
  error: ProblemRecord | null;
  metadata: Record<string, string>;
  history: Transition[];
  urls: Record<string, string>;
}

export interface ProblemRecord {
  title?: string;
  detail?: string;
  code?: string;
  status?: number;
  errors?: { pointer?: string; file?: string; message?: string; detail?: string }[];
}

export interface Dataset {
  id: string;
  name: string;
  state: "preparing" | "ready";
  job: string | null;
  created_at: string;
  images: number;
  channels: number | null;
  resolutions: number[];
  sizes: Record<string, number[]>;
  splits: Record<string, number>;
  columns: string[];
  classes: string[];
  attributes: string[];
  labels: Record<string, number>;
  sha256: string | null;
  trains: Record<string, true | string>;
  skipped: number;
  bytes: number;
}

export interface Model {
  name: string;
  version: number;
  digest: string;
  created_at: string;
  architecture: string;
  resolution: number;
  channels: number;
  z_dim: number;
  classes: string[];
  attributes: string[];
  parameters: number;
  bytes: number;
  disk_bytes: number | null;
  job: string | null;
  dataset: Record<string, unknown>;
  resolved: Record<string, unknown>;
  steps: number;
  kimg: number;
  metrics: Record<string, unknown>;
  evaluation: Record<string, unknown> | null;
  selected: Record<string, unknown> | null;
  aliased_as: string[];
  pinned: boolean;
  reproducibility: string;
  lineage: Record<string, unknown>;
}

export interface NamedModel extends Model {
  versions: number[];
  aliases: Record<string, number>;
}

export interface Move {
  from: number | null;
  to: number | null;
  at: string;
  how: "set" | "rolled_back" | "removed";
}

export interface Alias {
  model: string;
  alias: string;
  version: number;
  etag: string;
  history: Move[];
}

export interface Page<T> {
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

export interface Values {
  mean: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

export interface Series {
  steps: number[];
  series: Record<string, Values>;
}

export interface Sample {
  step: number;
  kimg: number | null;
  seconds: number | null;
  url: string;
}

export interface Samples {
  data: Sample[];
  labels: string[] | null; // of the 64 images
}

export interface JobAlarm {
  step: number;
  kind: string;
  message: string;
}

export interface JobCheckpoint {
  step: number;
  kimg: number;
  sha256: string;
  bytes: number;
  model: string | null;
  published: string[];
}

export interface JobEvent {
  id: string;
  type: string;
  data: Record<string, unknown>;
}

export interface WorkerInfo {
  id: string;
  queues: string[];
  pid: number;
  host: string;
  started_at: string;
  heartbeat_at: string | null;
  device: string | null;
  memory: number | null;
  loaded: { digest: string; bytes: number; precision: string }[];
}

export interface Direction {
  index: number;
  eigenvalue: number;
  share: number;
}

export interface Storage {
  total: number;
  datasets: number;
  jobs: { total: number };
  models: { total: number };
  disk: { free: number; total: number };
}
