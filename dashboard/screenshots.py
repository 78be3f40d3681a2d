"""Takes the pictures of the documentation: trains on the drawn creatures, then opens the pages.

python dashboard/screenshots.py 10               # minutes of each of two trainings
python dashboard/screenshots.py http://...:8000  # of a service where they have ended
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from core.settings import Settings
from ganvas import Client
from ganvas.processes import Crew
from ganvas.stop_signal import StopSignal
from ganvas.up import running_service

FOLDER = Path(__file__).parents[1] / "docs" / "images"
WIDE, NARROW = (1280, 860), (390, 844)
SETTLED_MS = 6000
Shot = tuple[str, str, tuple[int, int], str]  # file, address, size, colours


def main() -> None:
    told = sys.argv[1] if len(sys.argv) == 2 else "10"
    if told.startswith("http"):
        return take(told)
    with trained(float(told)) as url:
        take(url)


@contextmanager
def trained(minutes: float) -> Iterator[str]:
    """A service of its own in which two trainings have ended."""
    with tempfile.TemporaryDirectory() as home, StopSignal() as stop:
        settings = Settings(home=Path(home), port=0)
        with running_service(settings, Crew(generate=1), stop) as service:
            if service is None:
                raise SystemExit("stopped before it was ready")
            with Client(service.url) as client:
                for lr in (0.002, 0.001):
                    job = client.train(
                        "sample:sprites", name="creatures", minutes=minutes, options={"lr": lr}
                    )
                    job.wait()
            yield service.url


def take(url: str) -> None:
    """Every picture, from a service at `url`."""
    with Client(url) as client:
        ended = client.jobs.list(limit=200, state="succeeded").data
    jobs = [job.id for job in ended if job.kind == "train"][:2]
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for shot in shots(jobs):
            photograph(browser, url, shot)
        browser.close()


def shots(jobs: list[str]) -> list[Shot]:
    return [
        ("dashboard-job", f"jobs/{jobs[0]}", WIDE, "light"),
        ("dashboard-play", "play?seed=4&n=16", WIDE, "dark"),
        ("dashboard-compare", f"compare?jobs={','.join(jobs)}", WIDE, "light"),
        ("dashboard-gallery", "gallery", NARROW, "dark"),
        ("dashboard-overview", "", NARROW, "light"),
    ]


def photograph(browser: Browser, url: str, shot: Shot) -> None:
    name, address, (width, height), colours = shot
    scheme = "dark" if colours == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/#/{address}")
    page.wait_for_timeout(SETTLED_MS)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256).save(FOLDER / f"{name}.png", optimize=True)  # a third of the bytes
    context.close()


if __name__ == "__main__":
    main()
