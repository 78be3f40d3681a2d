/** Chosen images in one file, made by POST /v1/generations. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { reach, refusal } from "../api/http";
import type { Model } from "../api/types";
import { plural } from "../logic/numbers";
import { orderOf, type Pick } from "../logic/wall";
import { tried } from "./toasts";

export function Zip({ model, picks }: { model: Model; picks: Pick[] }): JSX.Element | null {
  const [busy, work] = useState(false);
  if (!picks.length) return null;
  const told = plural(picks.length, "image");
  const save = async () => {
    work(true);
    await tried(saved(model, picks), `Saved ${told}.`);
    work(false);
  };
  return (
    <button type="button" disabled={busy} onClick={() => void save()}>
      {busy ? `Making ${told} …` : `${told} as a zip`}
    </button>
  );
}

async function saved(model: Model, picks: Pick[]): Promise<void> {
  const answer = await reach("/v1/generations", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(orderOf(model, picks)),
  });
  if (!answer.ok) throw await refusal(answer);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${model.name}-v${model.version}-favourites.zip`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
