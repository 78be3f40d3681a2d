/** Light, dark, or as the system has it: remembered in this browser. */
import { Cell } from "./state";
import { remembered, remember } from "./storage";

export type Theme = "auto" | "light" | "dark";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export const theme = new Cell<Theme>(remembered("theme", "auto"));

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
}

export function nextTheme(): void {
  theme.value = NEXT[theme.value];
  remember("theme", theme.value);
  applyTheme();
}

/** Whether dark colours are shown now: charts draw on canvas and have to ask. */
export function dark(): boolean {
  if (theme.value !== "auto") return theme.value === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
