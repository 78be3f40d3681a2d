"""How soon the dashboard is there: `python -m bench.first_paint [URL]` prints a table.

Cold loads in Chromium, each in a fresh profile; of an empty service of its own, or of one at URL.
"""

import gzip
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.dashboard import FOLDER
from core.settings import Settings
from ganvas.processes import Crew
from ganvas.stop_signal import StopSignal
from ganvas.up import running_service

LOADS = 5
PLACES = {"Overview": "", "Jobs": "jobs", "New training": "train", "Models": "models"}
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
HEADING = "() => document.querySelector('h1') && performance.now()"


def main() -> None:
    with ExitStack() as stack:
        url = sys.argv[1] if len(sys.argv) > 1 else own_service(stack)
        playwright = stack.enter_context(sync_playwright())
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        print(f"{sent_bytes() / 1024:.0f} KiB gzipped; milliseconds, medians of {LOADS} cold loads")
        print(f"{'page':14}{'first paint':>13}{'heading':>9}")
        for name, place in PLACES.items():
            loads = [load(browser, f"{url}/#/{place}") for _ in range(LOADS)]
            painted, heading = (statistics.median(column) for column in zip(*loads, strict=True))
            print(f"{name:14}{painted:13.0f}{heading:9.0f}")
        browser.close()


def own_service(stack: ExitStack) -> str:
    home = stack.enter_context(tempfile.TemporaryDirectory())
    stop = stack.enter_context(StopSignal())
    settings = Settings(home=Path(home), port=0)
    service = stack.enter_context(running_service(settings, Crew(generate=1), stop))
    if service is None:
        raise SystemExit("stopped before it was ready")
    return service.url


def load(browser: Browser, address: str) -> tuple[float, float]:
    """Milliseconds from the request to the first paint, and to the page's own heading."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address, wait_until="commit")
        heading = page.wait_for_function(HEADING).json_value()
        while (painted := page.evaluate(PAINTED)) is None:
            page.wait_for_timeout(10)
        return painted, heading


def sent_bytes() -> int:
    """Of the whole dashboard, as it is sent."""
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    return sum(len(gzip.compress(path.read_bytes())) for path in files)


if __name__ == "__main__":
    main()
