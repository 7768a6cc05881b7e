"""Take a picture of the report's summary for the home page of the docs.

The summary holds segments and shares, and no household of its own.
"""

from __future__ import annotations

import shutil
import sys
from io import BytesIO

from tools.lineage import COLOURS, PICTURES, PROJECT

REPORT = PROJECT / "data" / "08_reporting" / "segmentation_report.html"
PICTURE = PICTURES / "report-summary.png"
WINDOW = 1400, 2400  # high enough for the whole summary


def take_picture() -> None:
    """Save the summary of the last full run's report, as Chromium shows it."""
    from PIL import Image
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = Chrome(options, ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_window_size(*WINDOW)
        driver.get(REPORT.as_uri())
        shown = driver.find_element("id", "summary").screenshot_as_png
    finally:
        driver.quit()
    picture = Image.open(BytesIO(shown)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"written: {PICTURE.relative_to(PROJECT)}")


def main() -> None:
    """Take it, or say what is missing."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        sys.exit("A picture needs chromium and its chromedriver; Debian has both as packages.")
    if not REPORT.is_file():
        sys.exit(f"There is no report at {REPORT}; run the project first.")
    take_picture()


if __name__ == "__main__":
    main()
