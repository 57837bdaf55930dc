#!/usr/bin/env python3
"""The page for raters as a rater uses it: in Chromium, by keyboard, up to `zoetrope eval report`.

    page_test.py ZOETROPE [--screenshots DIR]

Makes the clips of two configurations (one red, one blue), writes the page with `zoetrope eval page`,
votes, closes the browser half-way and comes back, downloads the votes and has them read.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import browser
from playwright.sync_api import expect as eventually

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


def key_for(page, trial):
    page.wait_for_function("() => shown !== null")
    side = page.evaluate(RED_SIDE)
    if trial == SAME:
        return "2"
    if trial == OTHER:
        side = "left" if side == "right" else "right"
    # Both ways of saying it.
    return {"left": "1", "right": "3"}[side] if trial % 2 else {"left": "ArrowLeft", "right": "ArrowRight"}[side]


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, not {wanted!r}")


def moves(page):
    for side in ("left", "right"):
        before = page.evaluate(f"document.querySelector('#{side}').toDataURL()")
        page.wait_for_function("([side, before]) => document.querySelector('#' + side).toDataURL() !== before",
                               arg=[side, before])


def first_sitting(page, address):
    page.goto(address)
    eventually(page.locator("#count")).to_have_text(f"1 of {PAIRS}")
    visible = page.inner_text("body")
    for name in (RED, BLUE):
        if name in visible:
            raise AssertionError("the page shows which configuration is which")
    if "a square <" not in page.inner_text("#prompt"):
        raise AssertionError("the prompt is not shown as it is")
    moves(page)
    page.keyboard.press("Space")
    still = page.evaluate("frame")
    page.wait_for_timeout(300)
    expect(page.evaluate("frame"), still, "frame of a paused clip")
    page.keyboard.press("Space")
    for trial in range(PAIRS // 2):
        page.keyboard.press(key_for(page, trial))
    # A slip of the finger, taken back.
    key_for(page, PAIRS // 2)
    page.keyboard.press("3")
    eventually(page.locator("#count")).to_have_text(f"{PAIRS // 2 + 2} of {PAIRS}")
    page.keyboard.press("u")
    eventually(page.locator("#count")).to_have_text(f"{PAIRS // 2 + 1} of {PAIRS}")


def second_sitting(page, address, votes):
    """In the browser of the first: when what a page stores reaches the disk is the browser's affair."""
    page.goto(address)
    eventually(page.locator("#count")).to_have_text(f"{PAIRS // 2 + 1} of {PAIRS}")
    for trial in range(PAIRS // 2, PAIRS):
        page.keyboard.press(key_for(page, trial))
    eventually(page.locator("#verdict")).to_have_text("No clear difference")
    table = page.evaluate("[...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.innerText))")
    with page.expect_download() as download:
        page.click("#done .save")
    download.value.save_as(votes)
    return table


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


LOOKS = {"light": {"viewport": {"width": 1000, "height": 800}, "color_scheme": "light"},
         "dark": {"viewport": {"width": 1000, "height": 800}, "color_scheme": "dark"},
         "phone": {"viewport": {"width": 390, "height": 780}, "color_scheme": "dark", "device_scale_factor": 2,
                   "is_mobile": True, "has_touch": True}}


def pictures(address, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, look in LOOKS.items():
        with browser.sitting(**look) as page:
            page.goto(address)
            for part in ("trial", "result"):
                page.evaluate("votes = []; keep(); show()")
                for trial in range(PAIRS if part == "result" else 2):
                    page.keyboard.press(key_for(page, trial))
                page.screenshot(path=folder / f"{name}-{part}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoetrope")
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, help="with --screenshots: of this page instead")
    options = parser.parse_args()
    if browser.find() is None:
        print("no Chromium here: the page is not tested")
        return browser.SKIPPED
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file, votes = folder / "page.html", folder / "votes.json"
        write_comparison(folder / "comparison")
        subprocess.run([options.zoetrope, "eval", "page", str(folder / "comparison"), "--pair", RED, BLUE,
                        "-o", str(file)], check=True)
        with browser.sitting() as page:
            first_sitting(page, file.as_uri())
            later = browser.watched(page.context.new_page())
            page.close()
            table = second_sitting(later, file.as_uri(), votes)
            expect(page.errors + later.errors, [], "errors of the page")
        check_report(options.zoetrope, votes, table)
        if options.screenshots:
            pictures((options.page or file).resolve().as_uri(), options.screenshots)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
