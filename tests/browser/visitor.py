"""Visitors of the served page, as fixtures of pytest (-p visitor), and what they do again and again."""
import re

import browser
import pytest
from playwright.sync_api import expect
from served import LONG

DESK = {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "light", "device_scale_factor": 2,
         "is_mobile": True, "has_touch": True}
WORDS = "a rocket taking off"


@pytest.fixture(scope="module")
def chromium():
    if browser.find() is None:
        pytest.exit("no Chromium here: the page is not tested", returncode=browser.SKIPPED)
    with browser.chromium() as (engine, launch):
        one = engine.launch(**launch)
        yield one
        one.close()


@pytest.fixture
def visit(chromium):
    """visit(server, path="/", **look): a page of a visitor who was never here. It must end without errors."""
    contexts, pages = [], []

    def start(server, path="/", **look):
        contexts.append(chromium.new_context(**(look or DESK)))
        pages.append(browser.watched(contexts[-1].new_page()))
        pages[-1].goto(server.address + path)
        return pages[-1]

    yield start
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    # The browser itself reports every answer of 4xx as an error.
    assert [error for error in errors if "Failed to load resource" not in error] == []


@pytest.fixture
def home(served, visit):
    served.wait_idle()
    return visit(served)


def choose(page, name="rocket"):
    page.click(f"#examples button[data-name={name}]")
    expect(page.locator("#go")).to_be_enabled()


def slowly(page):
    """Settings under which a job takes minutes."""
    page.click("#settings summary")
    page.get_by_text("Best", exact=True).click()
    page.fill("#num_inference_steps", str(LONG["num_inference_steps"]))


def job_of(page):
    page.wait_for_url(re.compile("#job="))
    return page.url.split("#job=")[1]


def result_of(page):
    expect(page.locator("#result")).to_be_visible(timeout=browser.TIMEOUT_MS)


def drawing(page):
    expect(page.locator("#stage-count")).to_have_text(re.compile(r"step \d+ of"))
