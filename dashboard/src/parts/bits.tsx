/** Small parts: states, times, progress, empty places, failures. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { missing, Problem, sentence } from "../api/http";
import { plainly } from "../logic/jobs";
import { clamp, percent } from "../logic/numbers";
import { absolute, ago } from "../logic/time";
import { to } from "../route";
import { Icon, type IconName } from "./icons";
import { say } from "./toasts";

const COPIED_MS = 2000;

export function State({ name }: { name: string }): JSX.Element {
  return <span class={`pill ${name}`}>{name}</span>;
}

export function When({ time }: { time: string | null | undefined }): JSX.Element {
  if (!time) return <span class="quiet">–</span>;
  return (
    <time dateTime={time} title={absolute(time)}>
      {ago(time)}
    </time>
  );
}

export function Bar(props: { value: number; state?: string; label: string }): JSX.Element {
  const share = clamp(props.value, 0, 1);
  return (
    <div
      class={`bar ${props.state ?? ""}`}
      role="progressbar"
      aria-label={props.label}
      aria-valuenow={Math.floor(share * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
      title={percent(share)}
    >
      <div style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}

export function Empty(props: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function Failure({ error }: { error: unknown }): JSX.Element | null {
  const told = error instanceof Problem && error.status === 0; // by the banner, of every page
  if (error === undefined || error === null || told) return null;
  return (
    <p class="note bad" role="alert">
      {sentence(error)}
    </p>
  );
}

/** In place of a page whose record is not known: read still, not there (any more), or refused. */
export function Unknown(props: { what: string; list: string; error: unknown }): JSX.Element | null {
  const { what, list, error } = props;
  if (!error) return <Loading what={`the ${what}`} />;
  if (!missing(error)) return <Failure error={error} />;
  return (
    <Empty icon="search" title={`There is no such ${what}`}>
      <p>It has been deleted, or the address has a slip in it.</p>
      <a class="button" href={to(list)}>
        To the list
      </a>
    </Empty>
  );
}

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <p class="quiet pulse" aria-live="polite">
      Reading {what} …
    </p>
  );
}

export function Figure(props: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** A list of names and values; what is not known is left out. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }): JSX.Element {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="facts">
      {known.map(([name, value]) => [<dt key={name}>{plainly(name)}</dt>, <dd>{value}</dd>])}
    </dl>
  );
}

export function Copy({ text, what }: { text: string; what: string }): JSX.Element {
  const [copied, tell] = useState(false); // in its place: a toast is behind a dialog
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      tell(true);
      window.setTimeout(() => tell(false), COPIED_MS);
    } catch {
      say("The browser does not allow copying here; select the text instead.", true);
    }
  };
  return (
    <button type="button" onClick={copy}>
      <Icon name="copy" size={14} />
      {copied ? "Copied" : what}
    </button>
  );
}

/** Buttons of which one is chosen. */
export function Segments<T extends string>(props: {
  label: string;
  choices: readonly (readonly [T, string])[];
  chosen: T;
  choose: (value: T) => void;
}): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.choices.map(([value, name]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.chosen}
          onClick={() => props.choose(value)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
