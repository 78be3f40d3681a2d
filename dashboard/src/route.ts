/** Addresses of pages, behind the # of the address: the service needs to know none of them. */
import { Cell } from "./state";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

export function parsed(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

export const route = new Cell<Route>(parsed(typeof location === "undefined" ? "" : location.hash));

export function watchAddress(): void {
  window.addEventListener("hashchange", () => (route.value = parsed(location.hash)));
}

type Query = Record<string, string | number | undefined>;

/** `to("jobs", id)` is `#/jobs/{id}`. */
export function to(...path: (string | number)[]): string {
  return `#/${path.map((part) => encodeURIComponent(part)).join("/")}`;
}

export function withQuery(address: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  if (!text) return address;
  return `${address}${address.includes("?") ? "&" : "?"}${text}`;
}

export function go(address: string): void {
  location.hash = address;
}

/** Change the address without a step in the history: filters, sliders. */
export function rename(address: string): void {
  history.replaceState(null, "", address);
  route.value = parsed(address);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
