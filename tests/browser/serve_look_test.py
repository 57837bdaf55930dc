"""Whether everybody can use the served page: by keyboard, with a screen reader, on a phone, in light
and dark. And pictures of it, when --screenshots asks for them."""
import re
import time

import pytest
from playwright.sync_api import expect
from visitor import DESK, PHONE, choose, drawing, result_of


def test_keyboard_alone(home):
    def tab_to(what):
        for _ in range(40):
            home.keyboard.press("Tab")
            if home.evaluate("what => document.activeElement.matches(what)", what):
                assert home.evaluate("""() => { const s = getComputedStyle(document.activeElement);
                                                return s.outlineStyle !== "none" && s.outlineWidth !== "0px"; }"""), what
                return
        raise AssertionError(f"{what} is not reached by Tab")

    tab_to(".skip")
    tab_to("#examples [data-name=sailboat]")
    home.keyboard.press("Space")
    expect(home.locator("#go")).to_be_enabled()
    tab_to("#prompt")
    home.keyboard.press("Control+a")
    home.keyboard.type("a sailboat rocking")
    tab_to("summary")
    home.keyboard.press("Enter")
    tab_to("[name=quality]")
    home.keyboard.press("ArrowRight")
    tab_to("#num_inference_steps")
    home.keyboard.type("900")
    tab_to("#go")
    home.keyboard.press("Enter")
    drawing(home)
    tab_to("#cancel")
    home.keyboard.press("Enter")
    expect(home.locator("#problem-text")).to_have_text("Cancelled.")
    expect(home.locator("#go")).to_be_focused()
    home.locator("#reset").press("Enter")
    home.locator("#prompt").press("Enter")  # as good as the button
    result_of(home)
    tab_to("#download")
    expect(home.locator("#status")).to_have_text("The clip is ready")


def test_everything_has_a_name(home):
    choose(home)
    home.click("#go")
    result_of(home)
    home.click("#settings summary")
    nameless = home.evaluate("""() => [...document.querySelectorAll("button, input, select, textarea, a, canvas, video, img")]
        .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
        .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim() || e.hasAttribute("alt") ||
                         e.closest("button, a, label")))
        .map((e) => e.outerHTML)""")
    assert nameless == []
    assert home.evaluate("document.documentElement.lang") == "en"
    headings = home.evaluate("() => [...document.querySelectorAll('h1')].length")
    assert headings == 1


CONTRAST = """() => {
  const parse = (colour) => { const c = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return parse(getComputedStyle(document.body).backgroundColor); };
  const poor = [];
  for (const e of document.querySelectorAll("main *, header *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    // The stage has a gradient behind it: it is looked at in the pictures.
    if (!own || !e.checkVisibility() || e.closest(".stage, .visually-hidden, :disabled")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) poor.push(`${e.outerHTML} ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return poor; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_can_be_read(served, visit, scheme):
    page = visit(served, **{**DESK, "color_scheme": scheme})
    choose(page)
    page.click("#settings summary")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shades = [int(part) for part in re.findall(r"\d+", background)[:3]]
    assert (max(shades) < 60) if scheme == "dark" else (min(shades) > 200)
    page.wait_for_timeout(300)  # colours fade in
    assert page.evaluate(CONTRAST) == []


def test_a_phone(served, visit):
    served.wait_idle()
    page = visit(served, **PHONE)

    def fits():
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
        small = page.evaluate("""() => [...document.querySelectorAll("#go, #cancel, .row > *, #examples button, #prompt, .fields input, .fields select")]
            .filter((e) => e.checkVisibility() && !e.matches("[type=radio], [type=range]") && e.getBoundingClientRect().height < 40)
            .map((e) => e.outerHTML)""")
        assert small == []

    fits()
    choose(page, "jellyfish")
    page.tap("#settings summary")
    fits()
    page.tap("#settings summary")
    page.tap("#go")
    result_of(page)
    fits()
    # What comes of it is in sight without scrolling.
    expect(page.locator("#clip")).to_be_in_viewport()


def test_the_api_page_shows_all_of_openapi(served, visit):
    page = visit(served, "/docs")
    described = served.call("GET", "/openapi.json")[1]
    methods = ("get", "post", "delete", "put", "patch")
    operations = sum(method in methods for path in described["paths"].values() for method in path)
    expect(page.locator("#operations article")).to_have_count(operations)
    for path in described["paths"]:
        expect(page.locator("#operations h2").filter(has_text=path).first).to_be_attached()


def test_pictures_of_the_states(served, visit, request):
    """Not a test: --screenshots FOLDER asks for the pictures of docs/images (there as WebP)."""
    folder = request.config.getoption("--screenshots")
    if folder is None:
        pytest.skip("no --screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    served.wait_idle()

    def picture(page, name):
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"serve_{name}.png")

    page = visit(served)
    picture(page, "start")
    choose(page)
    page.click("#settings summary")
    picture(page, "settings")
    page.get_by_text("Best", exact=True).click()
    page.fill("#num_inference_steps", "24")
    page.click("#settings summary")
    page.click("#go")
    expect(page.locator("#stage-count")).to_have_text(re.compile("step (9|1[0-9]) of"))
    picture(page, "working")
    result_of(page)
    time.sleep(3)  # the strip fills with the clip
    picture(page, "result")
    for name, look in {"dark": {**DESK, "color_scheme": "dark"}, "phone": PHONE}.items():
        page = visit(served, "/", **look)
        choose(page, "jellyfish")
        page.click("#go")
        result_of(page)
        time.sleep(3)
        picture(page, name)
    picture(visit(served, "/docs"), "api")
