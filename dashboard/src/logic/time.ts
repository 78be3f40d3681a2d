/** Times in the zone of whoever looks. */

/** 950 ms, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return joined(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86400) return joined(Math.floor(s / 3600), "h", Math.round((s % 3600) / 60), "min");
  return joined(Math.floor(s / 86400), "d", Math.round((s % 86400) / 3600), "h");
}

function joined(large: number, unit: string, small: number, lesser: string): string {
  return small ? `${large} ${unit} ${small} ${lesser}` : `${large} ${unit}`;
}

/** How long ago, roughly: "just now", "5 min ago", "yesterday", "12 Mar". */
export function ago(time: string, now = Date.now()): string {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 2 * 86400) return "yesterday";
  if (seconds < 7 * 86400) return `${Math.round(seconds / 86400)} days ago`;
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short" });
}

/** The whole truth, for a hover: date, time and zone. */
export function absolute(time: string): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
}

export function secondsBetween(
  start: string | null,
  end: string | null,
  now = Date.now(),
): number | null {
  if (start === null) return null;
  return Math.max(0, ((end === null ? now : Date.parse(end)) - Date.parse(start)) / 1000);
}
