/** Light, dark, or as the system has it: remembered in this browser. */
import { Cell } from "./state";
import { remembered, remember } from "./storage";

export type Theme = "auto" | "light" | "dark";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export const theme = new Cell<Theme>(remembered("theme", "auto"));

/** Whether dark colours are shown now: charts draw on canvas and have to know. */
export const dark = new Cell(false);

const system = matchMedia("(prefers-color-scheme: dark)");

export function watchSystem(): void {
  system.addEventListener("change", applyTheme);
  applyTheme();
}

export function nextTheme(): void {
  theme.value = NEXT[theme.value];
  remember("theme", theme.value);
  applyTheme();
}

function applyTheme(): void {
  const { dataset } = document.documentElement;
  if (theme.value === "auto") delete dataset.theme;
  else dataset.theme = theme.value;
  dark.value = theme.value === "auto" ? system.matches : theme.value === "dark";
}
