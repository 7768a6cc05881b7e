"""Measure how long the report takes to open in Chromium, from a server on the same machine.

The budget is printed beside the figures and never asserted, because machines differ.
"""

from __future__ import annotations

import shutil
from statistics import median

from tools.lineage import PROJECT, served

FOLDER = PROJECT / "data" / "08_reporting"
REPORT = "segmentation_report.html"
LOADS = 7
BUDGET = 1.0  # seconds
READY = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def measure_opening() -> list[float]:
    """Open the report again and again, each time in a browser that has not seen it.

    Returns:
        Seconds from the request to DOMContentLoaded, by load.
    """
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox"):
        options.add_argument(flag)
    seconds = []
    with served(FOLDER) as address:
        for _ in range(LOADS):
            driver = Chrome(options, ChromeService(shutil.which("chromedriver")))
            try:
                driver.get(address + REPORT)
                seconds.append(driver.execute_script(READY) / 1000)
            finally:
                driver.quit()
    return seconds


def main() -> None:
    """Print the figures, or why there are none."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("Opening the report was not measured: there is no chromium with its chromedriver.")
    elif not (FOLDER / REPORT).is_file():
        print("Opening the report was not measured: run the project first.")
    else:
        seconds = measure_opening()
        print(
            f"Opening the report, {LOADS} loads: {min(seconds):.2f} s at least, "
            f"{median(seconds):.2f} s in the median, {max(seconds):.2f} s at most "
            f"(budget {BUDGET:.0f} s)"
        )


if __name__ == "__main__":
    main()
