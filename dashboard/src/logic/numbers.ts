/** Numbers as people read them. */

/** Three digits that count: 0.00123, 12.3, 4,560, 1.2e-7. */
export function short(value: unknown): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(1);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

const MOST_DIGITS = 9;

/** The marks of an axis, with as many digits as tell them apart. */
export function marks(ticks: (number | null)[]): string[] {
  let told = ticks.map((tick) => (tick === null ? "" : short(tick)));
  for (let digits = 4; digits <= MOST_DIGITS && repeats(told); digits++)
    told = ticks.map((tick) => (tick === null ? "" : String(Number(tick.toPrecision(digits)))));
  return told;
}

function repeats(words: string[]): boolean {
  const named = words.filter(Boolean);
  return new Set(named).size < named.length;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function percent(share: number): string {
  const value = Math.min(Math.max(share, 0), 1) * 100;
  const exact = value.toFixed(1);
  if (value > 0 && value < 10) return Number(exact) < 10 ? `${exact} %` : "10 %";
  return `${Math.floor(value)} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
