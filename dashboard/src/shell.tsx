/** The frame of every page: navigation, a banner when something is away, and the page itself. */
import type { ComponentType, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Banner } from "./parts/banner";
import { Icon, type IconName } from "./parts/icons";
import { Empty } from "./parts/bits";
import { Toasts } from "./parts/toasts";
import { Compare } from "./pages/compare";
import { DatasetPage } from "./pages/dataset";
import { Datasets } from "./pages/datasets";
import { Gallery } from "./pages/gallery";
import { JobPage } from "./pages/job";
import { Jobs } from "./pages/jobs";
import { ModelPage } from "./pages/model";
import { Models } from "./pages/models";
import { Overview } from "./pages/overview";
import { Playground } from "./pages/playground";
import { Train } from "./pages/train";
import { route, to } from "./route";
import { useCell } from "./state";
import { nextTheme, theme } from "./theme";

interface Place {
  path: string;
  name: string;
  icon: IconName;
  page: ComponentType;
  one?: ComponentType<{ id: string }>;
}

const PLACES: Place[] = [
  { path: "", name: "Overview", icon: "overview", page: Overview },
  { path: "jobs", name: "Jobs", icon: "jobs", page: Jobs, one: JobPage },
  { path: "train", name: "Train", icon: "train", page: Train },
  { path: "play", name: "Play", icon: "play", page: Playground },
  { path: "gallery", name: "Gallery", icon: "gallery", page: Gallery },
  { path: "models", name: "Models", icon: "models", page: Models, one: ModelPage },
  { path: "data", name: "Data", icon: "data", page: Datasets, one: DatasetPage },
];
const HIDDEN: Place[] = [{ path: "compare", name: "Compare", icon: "compare", page: Compare }];

export function Shell(): JSX.Element {
  const { path } = useCell(route);
  const main = useRef<HTMLElement>(null);
  const moved = useRef(false);
  const [first = "", id] = path;
  const place = [...PLACES, ...HIDDEN].find((each) => each.path === first);

  useEffect(() => {
    document.title = place ? `${id ?? place.name} · Ganvas` : "Ganvas";
    window.scrollTo(0, 0);
    // The link that led here is gone with its page: go on from the new one.
    const lost = moved.current && document.activeElement === document.body;
    if (lost) main.current?.focus({ preventScroll: true });
    moved.current = true;
  }, [first, id]);

  const skip = (event: Event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <Navigation current={first === "compare" ? "jobs" : first} />
      <div>
        <Banner />
        <main id="main" ref={main} tabIndex={-1}>
          <Shown place={place} id={id} />
        </main>
      </div>
      <Toasts />
    </div>
  );
}

function Shown({ place, id }: { place: Place | undefined; id: string | undefined }): JSX.Element {
  if (place && id === undefined) return <place.page key={place.path} />;
  if (place?.one && id !== undefined) return <place.one key={`${place.path}/${id}`} id={id} />;
  return (
    <Empty icon="search" title="There is no such page">
      <a class="button" href={to()}>
        To the overview
      </a>
    </Empty>
  );
}

function Navigation({ current }: { current: string }): JSX.Element {
  const chosen = useCell(theme);
  return (
    <div class="side">
      <a class="brand" href={to()}>
        <img src="./icon.svg" alt="" />
        Ganvas
      </a>
      <nav aria-label="Pages">
        {PLACES.map(({ path, name, icon }) => (
          <a
            key={path}
            href={to(...(path ? [path] : []))}
            aria-current={path === current ? "page" : undefined}
          >
            <Icon name={icon} />
            {name}
          </a>
        ))}
      </nav>
      <div class="foot">
        <button type="button" onClick={nextTheme}>
          <Icon name="theme" />
          Colours: {chosen === "auto" ? "system" : chosen}
        </button>
        <a href="/docs">API documentation</a>
      </div>
    </div>
  );
}
