"""Show the lineage as a live map, write it as a web page, or take pictures of it for the docs.

The map opens folded, with the steps only: the tables between the pipelines are many, and a click
on "Datasets" brings them in.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

PROJECT = Path(__file__).parents[1]
BUILD = PROJECT / "build"  # where kedro-viz writes its page, whatever it is told
STATIC = BUILD / "lineage"
PICTURES = PROJECT / "docs" / "pictures"
KEDRO = [sys.executable, "-W", "ignore", "-m", "kedro", "viz"]  # its own warnings are not ours
FOLDED = "?pid=__default__&types=nodes&expandAllPipelines=false"
OPENED = "reporting"
WEB_FONTS = re.compile(r"<link[^>]*fonts\.g[^>]*>\s*")
PORTS = range(4141, 4241)  # it takes none above 49151
SECONDS = 60  # until the server must answer
SIZE = 1400, 900
COLOURS = 256
MARGIN = 12
# What the map asks first-time visitors stays out of the picture, and so do its dark and the small
# map that covers a corner of the large one.
QUIET = {"showFeatureHints": False, "theme": "light", "visible": {"miniMap": False}}
ARROW = "//*[contains(@class, 'MuiTreeItem-content')][normalize-space()='{}']/*[1]"
DISMISS = (
    "const found = [...document.querySelectorAll('button')].find(b => b.innerText === 'Dismiss');"
    "found?.click(); return Boolean(found)"
)
LOOK = "return document.querySelector('.pipeline-zoom-wrapper')?.getAttribute('transform') ?? ''"
NODES = "return document.querySelectorAll('.pipeline-node').length"
EDGES = (
    "const box = document.querySelector('.pipeline-zoom-wrapper').getBoundingClientRect();"
    "return [box.left, box.top, box.right, box.bottom]"
)


def show() -> None:
    """Serve the live map until Ctrl+C, and open it in the person's browser."""
    with _live() as address, contextlib.suppress(KeyboardInterrupt):
        print(f"The lineage is at {address}{FOLDED} until Ctrl+C.", flush=True)
        webbrowser.open(address + FOLDED)
        threading.Event().wait()


def write_page() -> Path:
    """Write the map as a web page that asks no other server for anything.

    Returns:
        Its folder, `build/lineage`.
    """
    shutil.rmtree(STATIC, ignore_errors=True)
    STATIC.mkdir(parents=True)
    subprocess.run(
        [*KEDRO, "build", "--include-previews"], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL
    )
    for name in ("autoreload.html", "telemetry.html"):  # for live servers only
        (BUILD / name).unlink()
    for name in ("api", "assets", ".vite", "index.html", "404.html", "favicon.ico"):
        shutil.move(BUILD / name, STATIC / name)
    for page in STATIC.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(WEB_FONTS.sub("", text), encoding="utf-8", newline="\n")
    return STATIC


def take_pictures() -> None:
    """Take a picture of the live map, folded, and one of the web page with a part opened."""
    PICTURES.mkdir(exist_ok=True)
    with _live() as address, _browser() as driver:
        driver.get(address + FOLDED)
        _shoot(driver, PICTURES / "lineage-folded.png")
    with served(write_page()) as address, _browser() as driver:
        driver.get(address + FOLDED)
        _shoot_opened(driver)


def _shoot_opened(driver: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, SECONDS).until(_stands_still)
    driver.find_element("xpath", ARROW.format(OPENED)).click()
    _shoot(driver, PICTURES / "lineage-opened.png")


@contextlib.contextmanager
def _live() -> Iterator[str]:
    """Run the live map; its address, once it answers."""
    port = next(filter(_is_free, PORTS))
    address, where = f"http://127.0.0.1:{port}/", ["--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [*KEDRO, "run", "--no-browser", *where],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # the server is a child of a child; both must go
    )
    try:
        _wait_for(address, server)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(10 * SECONDS):
        with contextlib.suppress(URLError, ConnectionError), urlopen(address):
            return
        if server.poll() is not None:
            said = server.stderr.read().decode() if server.stderr else ""
            sys.exit(f"The map could not be served: {said.strip()}")
        pause.wait(0.1)
    sys.exit(f"The map did not answer at {address} within {SECONDS} seconds.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files on this machine alone.

    Args:
        folder: The folder.

    Yields:
        The address at which its files are, until the end.
    """

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    """Run a Chromium that shows the map as the pictures should."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        sys.exit("Pictures need chromium and its chromedriver; Debian has both as packages.")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = Chrome(options, ChromeService(chromedriver))
    try:
        size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        script = f"localStorage.setItem('KedroViz', {json.dumps(json.dumps(QUIET))})"
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        yield driver
    finally:
        driver.quit()


def _shoot(driver: Any, file: Path) -> None:
    """Save what the browser shows of the graph, and nothing around it, once it stands still."""
    from io import BytesIO

    from PIL import Image
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, SECONDS).until(_stands_still)
    left, top, right, bottom = driver.execute_script(EDGES)
    picture = Image.open(BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    graph = picture.crop((left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN))
    graph.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"written: {file.relative_to(PROJECT)}")


def _stands_still(driver: Any) -> bool:
    """Whether the map is drawn, nothing lies over it, and two looks a moment apart are alike."""
    first = driver.execute_script(LOOK)
    threading.Event().wait(2)
    covered = driver.execute_script(DISMISS)
    alike = first == driver.execute_script(LOOK)
    return bool(first and driver.execute_script(NODES) and alike and not covered)


def main() -> None:
    """Do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["show", "page", "pictures"])
    what = parser.parse_args().what
    if what == "show":
        show()
    elif what == "pictures":
        take_pictures()
    else:
        folder = write_page()
        print(
            f"The lineage is {folder.relative_to(PROJECT)}/index.html. Browsers open it from a "
            f"server only: {sys.executable} -m http.server {PORTS[0]} --bind 127.0.0.1 --directory "
            f"{folder} serves it, and http://127.0.0.1:{PORTS[0]}/{FOLDED} shows it folded."
        )


if __name__ == "__main__":
    main()
