"""A real browser for the tests of pages: it tells what a page asks for and what goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

Found = TypeVar("Found")

SECONDS = 20  # until a condition that never holds fails its test

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # small where containers are tested
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # offline
    "--window-size=1280,1024",
)

ASKED = ("Network.requestWillBeSent", "Network.webSocketCreated")
# Texts and how far each stands out from what lies below it, by the formula of WCAG 2.2.
CONTRAST = """
const parse = (text) => {
  const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number);
  return [r, g, b, a];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const light = (colour) => {
  const [r, g, b] = colour.map((each) => {
    const part = each / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    layers.unshift(parse(getComputedStyle(each).backgroundColor));
  }
  return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
};
const poor = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const below = ground(element);
  const ink = light(over(parse(style.color), below));
  const paper = light(below);
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  seen += 1;
  if (ratio < 4.5) poor.push([walker.currentNode.data.trim(), ratio]);
}
return [seen, poor];
"""

INSIDE = ("about:", "blob:", "chrome:", "data:")  # addresses that no server sees


class Browser:
    """Headless Chromium with a profile of its own.

    Attributes:
        driver: Selenium's driver, for everything that is not here.
        downloads: The folder that pages save files to, made with the first of them.
    """

    def __init__(self, chromium: str, chromedriver: str, folder: Path) -> None:
        self.downloads = folder / "downloads"
        options = ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(self.downloads)}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With the driver named, Selenium does not look for one in the network.
        self.driver = Chrome(options, ChromeService(chromedriver))
        self._console: list[str] = []
        self._requests: list[str] = []

    def open(self, url: str) -> None:
        """Show a page; what was seen and saved before it is forgotten."""
        self.driver.get("about:blank")
        shutil.rmtree(self.downloads, ignore_errors=True)
        self._read_logs()
        self._console, self._requests = [], []
        self.driver.get(url)

    def wait(self, condition: Callable[[Chrome], Found]) -> Found:
        """Wait until a condition of the driver gives something true, and return that."""
        return WebDriverWait(self.driver, SECONDS).until(condition)

    def resize(self, width: int, scheme: str = "light") -> None:
        """Give the window a width in pixels, and the person a taste for light or dark."""
        run = self.driver.execute_cdp_cmd
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        run("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        run("Emulation.setEmulatedMedia", {"features": [feature]})

    def reset(self) -> None:
        """Make it a person's own again: light, wide, with scripts."""
        run = self.driver.execute_cdp_cmd
        run("Emulation.clearDeviceMetricsOverride", {})
        run("Emulation.setEmulatedMedia", {})
        run("Emulation.setScriptExecutionDisabled", {"value": False})

    def judge_contrast(self) -> tuple[int, list[tuple[str, float]]]:
        """How many texts the page shows, and those with a contrast below 4.5, with it."""
        seen, poor = self.driver.execute_script(CONTRAST)
        return seen, poor

    @property
    def console(self) -> list[str]:
        """Messages since `open`: errors of scripts, breaches of the policy, loads that failed."""
        self._read_logs()
        return list(self._console)

    @property
    def requests(self) -> list[str]:
        """Addresses asked for since `open`, in order, with those that nobody answered."""
        self._read_logs()
        return list(self._requests)

    def _read_logs(self) -> None:
        # Chromium hands each entry out once.
        self._console += [entry["message"] for entry in self.driver.get_log("browser")]
        entries = self.driver.get_log("performance")
        events = [json.loads(entry["message"])["message"] for entry in entries]
        urls = [_address(event["params"]) for event in events if event["method"] in ASKED]
        self._requests += [url for url in urls if not url.startswith(INSIDE)]


def _address(params: dict[str, Any]) -> str:
    return str(params.get("request", params)["url"])
