/** Which rows of a long list are worth building. */

export interface Range {
  first: number;
  end: number; // behind the last
}

export function visible(top: number, height: number, row: number, count: number, spare = 8): Range {
  const first = Math.floor(Math.max(top, 0) / row) - spare;
  const end = Math.ceil((Math.max(top, 0) + height) / row) + spare;
  return { first: Math.min(Math.max(first, 0), count), end: Math.min(Math.max(end, 0), count) };
}
