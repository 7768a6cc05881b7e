"""The pages in a real browser: by keyboard, on a phone, in the dark, and without scripts."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest
from PIL import Image
from selenium.common.exceptions import NoAlertPresentException, WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from customer_segmentation.scorer.scoring import score_households
from tests.browser import Browser
from tests.service.hostile import HOSTILE
from tests.service.running import RunningService

MOST_TABS = 80
REFUSED = re.compile(r"\(UNPROCESSABLE ENTITY\)")  # what Chromium writes of a page that is 422


@pytest.fixture
def site(service: RunningService) -> str:
    """The address at which the service answers."""
    return f"http://localhost:{service.port}"


def find(browser: Browser, selector: str) -> WebElement:
    return browser.driver.find_element(By.CSS_SELECTOR, selector)


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def read(element: WebElement, attribute: str) -> str:
    return element.get_attribute(attribute) or ""


def focused(browser: Browser) -> WebElement:
    return browser.driver.switch_to.active_element


def tab_to(browser: Browser, selector: str) -> None:
    """Press Tab until the element has the focus, and see that the focus shows."""
    wanted = find(browser, selector)
    for _ in range(MOST_TABS):
        press(browser, Keys.TAB)
        if focused(browser) == wanted:
            assert wanted.value_of_css_property("outline-style") == "solid"
            assert wanted.value_of_css_property("outline-width") == "3px"
            return
    pytest.fail(f"Tab never comes to {selector}")


def submit(browser: Browser) -> None:
    """Press the button of the form, and wait for the page that answers."""
    button = find(browser, "form button[type=submit]")
    button.click()
    browser.wait(lambda driver: is_gone(button))


def is_gone(element: WebElement) -> bool:
    try:
        return not element.is_enabled()
    except WebDriverException:  # which kind depends on how far the next page is
        return True


def stays_home(browser: Browser, site: str) -> None:
    """Nothing went wrong, and nothing was asked of another server."""
    assert [said for said in browser.console if not REFUSED.search(said)] == []
    assert browser.requests
    assert [url for url in browser.requests if not url.startswith(f"{site}/")] == []


def fill_example(browser: Browser, site: str, known: str, segment: str = "Loyalists") -> None:
    browser.open(f"{site}/?known={known}&example={segment.replace(' ', '%20')}")


# Journeys


def test_from_the_start_to_an_answer_with_tab_arrows_and_enter_alone(look: Browser, site):
    look.open(f"{site}/")
    tab_to(look, "a[href='/?known=demographics#questions']")
    press(look, Keys.ENTER)
    look.wait(lambda driver: driver.find_elements(By.ID, "field-homemaker_age"))
    tab_to(look, "a[href*='example=Promo']")
    press(look, Keys.ENTER)
    look.wait(lambda driver: "example=Promo" in driver.current_url)
    tab_to(look, "#field-homemaker_age")
    before = Select(focused(look)).first_selected_option.text
    press(look, Keys.ARROW_UP)
    assert Select(focused(look)).first_selected_option.text != before
    tab_to(look, "form button[type=submit]")
    press(look, Keys.ENTER)
    look.wait(lambda driver: driver.find_elements(By.ID, "answer"))
    assert read(focused(look), "id") == "answer"
    name = find(look, "h1").text
    assert look.driver.title.startswith(f"{name}, by prediction")
    tab_to(look, "summary")
    press(look, Keys.ENTER)
    assert find(look, "figure tbody tr").is_displayed()
    stays_home(look, site)


def test_the_first_tab_leads_past_the_navigation(look: Browser, site):
    look.open(f"{site}/")
    press(look, Keys.TAB)
    skip = focused(look)
    assert skip.text == "Skip to the content"
    assert skip.rect["x"] >= 0
    press(look, Keys.ENTER)
    press(look, Keys.TAB)
    assert read(focused(look), "class") == "choice"


def test_the_focus_goes_through_the_form_in_the_order_in_which_it_is_read(look: Browser, site):
    look.open(f"{site}/?known=source_study")
    controls = look.driver.find_elements(
        By.CSS_SELECTOR, "form select, form input:not([type=hidden])"
    )
    tab_to(look, f"#{controls[0].get_attribute('id')}")
    for control in controls[1:]:
        press(look, Keys.TAB)
        assert focused(look) == control
    places = [(each.rect["y"], each.rect["x"]) for each in controls]
    assert places == sorted(places)


def test_an_error_is_found_and_mended_by_keyboard(look: Browser, site):
    fill_example(look, site, "demographics")
    size = find(look, "#field-household_size")
    size.clear()
    size.send_keys("many", Keys.ENTER)
    look.wait(lambda driver: driver.title.startswith("Error: "))
    assert "problems" in read(focused(look), "class")
    press(look, Keys.TAB)
    assert focused(look).text == "Household size"
    press(look, Keys.ENTER)
    look.wait(lambda driver: read(focused(look), "id") == "field-household_size")
    assert read(focused(look), "value") == "many"
    press(look, Keys.END, Keys.BACKSPACE * 4, "4", Keys.ENTER)
    look.wait(lambda driver: driver.find_elements(By.ID, "answer"))
    stays_home(look, site)


def test_what_is_not_stated_is_marked_by_keyboard(look: Browser, site):
    fill_example(look, site, "demographics")
    find(look, "#field-affluence_index").clear()
    tab_to(look, "input[type=checkbox][value=affluence_index]")
    press(look, Keys.SPACE)
    tab_to(look, "form button[type=submit]")
    press(look, Keys.ENTER)
    look.wait(lambda driver: driver.find_elements(By.ID, "answer"))
    assert find(look, "input[type=checkbox][value=affluence_index]").is_selected()
    assert "not stated" in find(look, ".reasons").text
    stays_home(look, site)


def test_a_file_is_sent_and_its_answer_saved(look: Browser, site, bundle, tmp_path: Path):
    look.open(f"{site}/batch")
    find(look, "a[href='/batch/example.csv']").click()
    example = look.downloads / "households.csv"
    look.wait(lambda driver: example.exists())
    sent = tmp_path / "sent.csv"
    sent.write_bytes(example.read_bytes())
    find(look, "#file").send_keys(str(sent))
    find(look, "form button").click()
    saved = look.downloads / "segments.csv"
    look.wait(lambda driver: saved.exists())
    told = pd.read_csv(saved)
    households = bundle.reader.read_table(pd.read_csv(sent), "the file")
    expected = score_households(bundle, households).tabulate()
    for name in expected:
        assert told[name].tolist() == pytest.approx(expected[name].tolist())
    assert told["segment"].is_unique
    stays_home(look, site)


def test_a_bad_file_is_explained_on_the_page(look: Browser, site, tmp_path: Path):
    sent = tmp_path / "bad.csv"
    sent.write_text("household_id,SEC\n1010010,9\n")
    look.open(f"{site}/batch")
    find(look, "#file").send_keys(str(sent))
    submit(look)
    look.wait(lambda driver: driver.title.startswith("Error: "))
    assert "value '9'" in find(look, ".problems").text
    assert "problems" in read(focused(look), "class")
    stays_home(look, site)


def test_without_scripts_everything_is_there(look: Browser, site):
    look.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    fill_example(look, site, "segmenter_inputs")
    assert look.driver.find_elements(By.CSS_SELECTOR, ".sum") == []
    find(look, "#field-share_lux").clear()
    submit(look)
    assert look.driver.title.startswith("Error: ")
    find(look, "#field-share_lux").send_keys("2.4%")
    submit(look)
    assert find(look, "h1").text == "Loyalists"


def test_scripts_add_up_shares_and_fill_in_zeros(look: Browser, site):
    look.open(f"{site}/?known=segmenter_inputs")
    group = find(look, "#group-brand_shares")
    said = group.find_element(By.CSS_SELECTOR, "output")
    assert said.text == "Together 0.0% of 100%."
    for name, text in (("lux", "60%"), ("other_brands", "0.38")):
        find(look, f"#field-share_{name}").send_keys(text)
    assert said.text == "Together 98.0% of 100%, which fits."
    find(look, "#field-share_pears").send_keys("a")
    assert said.text == "One of them is no number."
    find(look, "#field-share_pears").send_keys(Keys.BACKSPACE)
    button = group.find_element(By.CSS_SELECTOR, "button")
    button.click()
    assert not button.is_displayed()
    values = [read(each, "value") for each in group.find_elements(By.TAG_NAME, "input")]
    assert sorted(values) == sorted(["60%", "0.38", *["0"] * 7])
    stays_home(look, site)


# Harm


def test_hostile_answers_stay_texts(look: Browser, site):
    texts = [text.replace("\0", "") for text in HOSTILE]
    while texts:
        look.open(f"{site}/?known=demographics")
        controls = look.driver.find_elements(By.CSS_SELECTOR, "form select, form input[id]")
        sent, texts = texts[: len(controls)], texts[len(controls) :]
        look.driver.execute_script(
            "arguments[0].forEach((each, at) => {"
            "const input = document.createElement('input'); input.name = each.name;"
            "input.value = arguments[1][at] ?? ''; each.replaceWith(input) })",
            controls,
            sent,
        )
        submit(look)
        is_unharmed(look, site)


@pytest.mark.parametrize("at", range(3))
def test_a_hostile_file_stays_a_file(look: Browser, site, tmp_path: Path, at):
    texts = [text.replace("\0", "") for text in HOSTILE[at::3]]
    cells = ['"' + text.replace('"', '""') + '"' for text in texts]
    contents = (
        f"household_id,SEC,{','.join(cells)}\n1010010,1{',2' * len(cells)}\n",
        "household_id,SEC\n" + "".join(f"{1010010 + n},{cell}\n" for n, cell in enumerate(cells)),
        "",
    )
    for content, text in zip(contents, texts, strict=False):
        sent = tmp_path / f"{text.replace('/', '')}.csv"
        sent.write_text(content)
        look.open(f"{site}/batch")
        find(look, "#file").send_keys(str(sent))
        submit(look)
        is_unharmed(look, site)


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_a_hostile_address_is_not_run(look: Browser, site, text):
    look.open(f"{site}/?{urlencode({'known': text})}")
    assert look.driver.title.startswith("There is no such page")
    assert look.driver.execute_script("return window.harmed") is None
    assert all("404" in said for said in look.console)


def is_unharmed(browser: Browser, site: str) -> None:
    assert browser.driver.title.startswith("Error: ")
    assert browser.driver.execute_script("return window.harmed") is None
    with pytest.raises(NoAlertPresentException):
        _ = browser.driver.switch_to.alert
    stays_home(browser, site)


# Looks

STATES = {
    "start": ("/", None),
    "form": ("/?known=demographics_and_basis", None),
    "errors": ("/?known=source_study", {}),
    "prediction": ("/?known=demographics&example=Loyalists", {}),
    "overlap": ("/?known=demographics_and_basis&example=Loyalists", {}),
    "assignment": ("/?known=segmenter_inputs&example=Variety%20Seekers", {}),
    "wrong sum": ("/?known=segmenter_inputs&example=Loyalists", {"share_lux": "90%"}),
    "file": ("/batch", None),
    "bad file": ("/batch", {}),
    "nothing": ("/?known=nothing", None),
}


def show(browser: Browser, site: str, state: str) -> None:
    """Bring a page into a state, everything that can be opened open."""
    path, changes = STATES[state]
    browser.open(f"{site}{path}")
    for name, text in (changes or {}).items():
        control = find(browser, f"#field-{name}")
        control.clear()
        control.send_keys(text)
    if changes is not None:
        submit(browser)
    browser.driver.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )


@pytest.mark.parametrize("width", [320, 640, 1280])  # 640: as wide as 1280, enlarged twice
def test_no_page_is_wider_than_its_window(look: Browser, site, width):
    look.resize(width)
    for state in STATES:
        show(look, site, state)
        inner, outer = look.driver.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert inner <= outer == width, state


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(look: Browser, site, scheme):
    look.resize(1280, scheme)
    for state in STATES:
        show(look, site, state)
        seen, poor = look.judge_contrast()
        assert seen > 5, state
        assert poor == [], state
    ground = find(look, "body").value_of_css_property("background-color")
    assert (ground == "rgba(18, 23, 29, 1)") == (scheme == "dark")


def test_everything_that_is_used_has_a_name(look: Browser, site):
    for state in ("start", "errors", "assignment", "file"):
        show(look, site, state)
        used = look.driver.find_elements(
            By.CSS_SELECTOR, "a, button, input:not([type=hidden]), select, summary, [role]"
        )
        assert used
        for each in filter(WebElement.is_displayed, used):
            assert each.accessible_name.strip(), each.get_attribute("outerHTML")


def test_what_is_pressed_on_a_phone_is_large_enough(look: Browser, site):
    look.resize(390)
    for state in ("start", "errors", "assignment", "file"):
        show(look, site, state)
        for each in look.driver.find_elements(
            By.CSS_SELECTOR, "button, select, input:not([type=hidden]), .chip, .choice, nav a"
        ):
            assert each.rect["height"] >= 24, each.get_attribute("outerHTML")


def test_who_wants_no_motion_gets_none(look: Browser, site):
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    look.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    look.open(f"{site}/")
    assert find(look, ".choice").value_of_css_property("transition-duration") == "0s"
    assert look.driver.execute_script("return document.getAnimations().length") == 0


def test_on_paper_stands_the_answer_without_what_is_to_be_pressed(look: Browser, site):
    show(look, site, "assignment")
    look.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert find(look, "h1").is_displayed()
    assert find(look, "#field-transactions").is_displayed()
    for selector in ("nav", "form button", ".examples", ".choices"):
        assert not find(look, selector).is_displayed()


@pytest.mark.parametrize("state", ["start", "assignment"])
def test_a_picture_of_the_page_shows_something(look: Browser, site, state, tmp_path: Path):
    look.resize(390)
    show(look, site, state)
    shot = look.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    picture = tmp_path / f"{state}.png"
    picture.write_bytes(base64.b64decode(shot["data"]))
    with Image.open(picture) as image:
        colours = image.convert("RGB").getcolors(2**24)
    assert colours
    assert len(colours) > 50
    ours = {(0x00, 0x72, 0xB2), (0x00, 0x9E, 0x73), (0xD5, 0x5E, 0x00)}
    assert ours <= {colour for _, colour in colours}
