#!/usr/bin/env python3
"""The page for raters as a rater uses it: in Chromium, by keyboard, up to `zoetrope eval report`.

    page_test.py ZOETROPE [--screenshots DIR]

Makes the clips of two configurations (one red, one blue), writes the page with `zoetrope eval page`,
votes, closes the browser half-way and comes back, downloads the votes and has them read. Leaves with
77, which ctest counts as skipped, where there is no Chromium.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import chromium

SKIPPED = 77
PAIRS, FRAMES, SIDE = 8, 6, 32
RED, BLUE = "red-one", "blue-one"
SAME, OTHER = 2, 5  # trials on which the rater does not vote for red


def safetensors(tensors):
    """{name: (shape, bytes)} of dtype U8 as a file."""
    header, at = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())


def frame(colour, t):
    """A square that moves to the right over white."""
    rows = bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            inside = 8 <= y < 24 and 2 * t <= x < 2 * t + 16
            rows += bytes(colour if inside else (255, 255, 255))
    return bytes(rows)


def write_comparison(folder):
    clips = [{"number": n, "caption": f"a square <{n}> & more", "concept": n // 2} for n in range(PAIRS)]
    index = {"configurations": [RED, BLUE], "seeds": [0], "clips": clips}
    for name, colour in ((RED, (220, 60, 40)), (BLUE, (40, 80, 220))):
        (folder / "clips" / name).mkdir(parents=True)
        for n in range(PAIRS):
            frames = [frame(colour, t) for t in range(FRAMES)]
            data = safetensors({"frames": ([FRAMES, SIDE, SIDE, 3], b"".join(frames)),
                                "own_first_frame": ([SIDE, SIDE, 3], frames[0])})
            (folder / "clips" / name / f"{n:04}-seed0.safetensors").write_bytes(data)
    (folder / "clips/index.json").write_text(json.dumps(index))


RED_SIDE = """(() => {
  const canvas = document.querySelector("#left"), size = canvas.width / 32;
  const [r, , b] = canvas.getContext("2d").getImageData(12 * size, 16 * size, 1, 1).data;
  return r > b ? "left" : "right";
})()"""


def key_for(browser, trial):
    browser.wait_until(lambda: browser.evaluate("shown !== null"), "the clips do not load")
    side = browser.evaluate(RED_SIDE)
    if trial == SAME:
        return "2"
    if trial == OTHER:
        side = "left" if side == "right" else "right"
    # Both ways of saying it.
    return {"left": "1", "right": "3"}[side] if trial % 2 else {"left": "ArrowLeft", "right": "ArrowRight"}[side]


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, not {wanted!r}")


def moves(browser):
    for side in ("left", "right"):
        pixels = f"document.querySelector('#{side}').toDataURL()"
        before = browser.evaluate(pixels)
        browser.wait_until(lambda: browser.evaluate(pixels) != before, f"the {side} clip stands still")


def first_sitting(browser, page):
    browser.open(page)
    expect(browser.text("#count"), f"1 of {PAIRS}", "count")
    visible = browser.text("body")
    for name in (RED, BLUE):
        if name in visible:
            raise AssertionError("the page shows which configuration is which")
    if "a square <" not in browser.text("#prompt"):
        raise AssertionError("the prompt is not shown as it is")
    moves(browser)
    browser.press(" ")
    still = browser.evaluate("frame")
    browser.evaluate("new Promise((done) => setTimeout(done, 300))")
    expect(browser.evaluate("frame"), still, "frame of a paused clip")
    browser.press(" ")
    for trial in range(PAIRS // 2):
        browser.press(key_for(browser, trial))
    # A slip of the finger, taken back.
    key_for(browser, PAIRS // 2)
    browser.press("3")
    expect(browser.text("#count"), f"{PAIRS // 2 + 2} of {PAIRS}", "count after a slip")
    browser.press("u")
    expect(browser.text("#count"), f"{PAIRS // 2 + 1} of {PAIRS}", "count after undo")


def second_sitting(browser, page, downloads):
    browser.downloads_to(downloads)
    browser.open(page)
    expect(browser.text("#count"), f"{PAIRS // 2 + 1} of {PAIRS}", "count on coming back")
    for trial in range(PAIRS // 2, PAIRS):
        browser.press(key_for(browser, trial))
    expect(browser.text("#verdict"), "No clear difference", "verdict")
    table = browser.evaluate("[...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.innerText))")
    browser.click("#done .save")
    browser.wait_until(lambda: list(downloads.glob("*.json")), "no file was downloaded")
    return table, next(downloads.glob("*.json"))


def check_report(zoetrope, votes, table):
    done = subprocess.run([zoetrope, "eval", "report", str(votes), "--json"], capture_output=True, text=True,
                          check=True)
    report = json.loads(done.stdout)
    expect((report["a"], report["b"]), (RED, BLUE), "pair")
    for row, name, count in zip(table, ("a_better", "same", "b_better"), (PAIRS - 2, 1, 1)):
        share = report[name]
        expect(share["votes"], count, name)
        shown = [str(count), f"{100 * share['value']:.1f} %",
                 f"{100 * share['low']:.1f} % – {100 * share['high']:.1f} %"]
        expect(row[1:4], shown, f"{name} on the page and in the report")
    broken = json.loads(votes.read_text())
    broken["votes"][3]["choice"] = "maybe"
    votes.write_text(json.dumps(broken))
    refused = subprocess.run([zoetrope, "eval", "report", str(votes)], capture_output=True, text=True, check=False)
    expect(refused.returncode, 1, "exit code for a broken file")
    expect(refused.stderr.count("\n"), 1, "lines about a broken file")
    if "votes[3].choice" not in refused.stderr:
        raise AssertionError("the broken field is not named: " + refused.stderr)


def pictures(browser, page, folder):
    folder.mkdir(parents=True, exist_ok=True)
    looks = {"light": (1000, 800, False, False), "dark": (1000, 800, True, False), "phone": (390, 780, True, True)}
    for name, look in looks.items():
        browser.look(*look)
        browser.open(page)
        for part in ("trial", "result"):
            browser.evaluate("votes = []; keep(); show()")
            for trial in range(PAIRS if part == "result" else 2):
                browser.press(key_for(browser, trial))
            browser.screenshot(folder / f"{name}-{part}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoetrope")
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, help="with --screenshots: of this page instead")
    options = parser.parse_args()
    path = chromium.find()
    if path is None:
        print("no Chromium here: the page is not tested")
        return SKIPPED
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        profile, downloads, page = folder / "profile", folder / "downloads", folder / "page.html"
        downloads.mkdir()
        write_comparison(folder / "comparison")
        subprocess.run([options.zoetrope, "eval", "page", str(folder / "comparison"), "--pair", RED, BLUE,
                        "-o", str(page)], check=True)
        with chromium.Browser(path, profile) as browser:
            first_sitting(browser, page)
            expect(browser.errors, [], "errors of the page")
        with chromium.Browser(path, profile) as browser:
            table, votes = second_sitting(browser, page, downloads)
            expect(browser.errors, [], "errors of the page")
            check_report(options.zoetrope, votes, table)
            if options.screenshots:
                pictures(browser, options.page or page, options.screenshots)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
