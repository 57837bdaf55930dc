"""The system's Chromium, driven by Playwright. Nothing is downloaded."""
import contextlib
import shutil
import subprocess
import tempfile

from playwright.sync_api import expect, sync_playwright

SKIPPED = 77
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
TIMEOUT_MS = 120_000  # of one answer: a loaded machine may be slow, a broken page never answers


expect.set_options(timeout=TIMEOUT_MS)


def find():
    """The path of an installed Chromium that works, or None."""
    for name in NAMES:
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


@contextlib.contextmanager
def chromium():
    """Playwright's chromium and what launches it."""
    path = find()
    with sync_playwright() as playwright:
        yield playwright.chromium, {"executable_path": path, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}


@contextlib.contextmanager
def sitting(**look):
    """One page of a fresh browser; `look` is Playwright's.

    Errors of the page (exceptions, what the policy blocks, what the console calls an error) are in
    page.errors.
    """
    with chromium() as (browser, launch), tempfile.TemporaryDirectory() as profile:
        context = browser.launch_persistent_context(profile, **launch, **look)
        page = watched(context.pages[0])
        try:
            yield page
        finally:
            context.close()


def watched(page):
    page.set_default_timeout(TIMEOUT_MS)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    return page
