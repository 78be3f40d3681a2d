/** Reads the text format of Prometheus: what GET /metrics answers. */

export interface Measured {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function measured(text: string): Measured[] {
  return text.split("\n").flatMap((line) => {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!found || line.startsWith("#")) return [];
    const labels = [...(found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const named = labels.map(([, name, value]) => [name, value]);
    return [{ name: found[1]!, labels: Object.fromEntries(named), value: Number(found[3]) }];
  });
}

/** The values of one metric by the value of one of its labels. */
export function by(all: Measured[], name: string, label: string): Record<string, number> {
  const own = all.filter((one) => one.name === name);
  return Object.fromEntries(own.map((one) => [one.labels[label] ?? "", one.value]));
}
