#!/usr/bin/env python3
"""The model card's tables and pictures from a comparison that `zoetrope eval run` made.

    zoetrope eval run PREPARED_DATA -o COMPARISON --limit 24 -c bundled
    tools/evaluate_animate.py COMPARISON --configuration bundled --images docs/images > tables.md

Prints the summary and one row a clip in Markdown. Draws sheets to judge by eye, all frames of each clip
below the real one (COMPARISON/eye_N.png), and with --images the small sheets of the documentation. The
figures are defined in docs/evaluation.md. Needs numpy and Pillow.
"""
import argparse
import json
import pathlib
import struct

import contact_sheet
import numpy as np

FIGURES = ("own_first_frame_psnr", "truth_psnr", "motion", "motion_ratio", "motion_correlation", "jerk", "flicker",
           "sharpness", "dirty_white", "novel_colour", "frechet")
OF_CLIPS = ("truth_psnr", "motion", "jerk", "flicker", "sharpness", "dirty_white", "novel_colour")


def read_tensor(path, name):
    """A tensor of bytes of a safetensors file, mapped."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        entry = json.loads(file.read(length))[name]
    assert entry["dtype"] == "U8", path
    return np.memmap(path, np.uint8, "r", 8 + length + entry["data_offsets"][0], tuple(entry["shape"]))


def cell(info, value):
    return "" if value is None else f"{value * info['title_scale']:.2f}"


def summary_row(report, label, entry):
    cells = []
    for name in FIGURES:
        interval = entry["summary"].get(name)
        info = report["figures"][name]
        if interval is None or interval["value"] is None:
            cells.append("")
        elif "settings" in entry:
            cells.append(f"{cell(info, interval['value'])} [{cell(info, interval['low'])}, {cell(info, interval['high'])}]")
        else:
            cells.append(cell(info, interval["value"]))
    return [label, *cells]


def table(report, names, rows):
    head = ["", *(report["figures"][name]["title"] for name in names)]
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def markdown(report, configuration):
    made = report["configurations"][configuration]
    rows = [summary_row(report, configuration, made)]
    rows += [summary_row(report, name, entry) for name, entry in report["baselines"].items()]
    clips = [[clip["caption"], *(cell(report["figures"][n], clip["figures"].get(n)) for n in OF_CLIPS)]
             for clip in first_seed(report, made)]
    return table(report, FIGURES, rows) + "\n" + table(report, OF_CLIPS, clips)


def first_seed(report, entry):
    return [clip for clip in entry["clips"] if clip["seed"] == report["seeds"][0]]


def draw(options, report, clips):
    real_clips = read_tensor(pathlib.Path(report["data"]) / "clips.safetensors", "frames")
    captions = [clip["caption"] for clip in clips]
    real = [real_clips[clip["clip"]] for clip in clips]
    shown = [read_tensor(options.comparison / "clips" / options.configuration /
                         f"{clip['clip']:04}-seed{clip['seed']}.safetensors", "frames") for clip in clips]
    for page in range(0, len(clips), 4):
        cells = [(captions[i], [real[i], shown[i]]) for i in range(page, min(page + 4, len(clips)))]
        contact_sheet.contact_sheet(cells, 1, len(shown[0]), 112).save(options.comparison / f"eye_{page // 4}.png")
    if options.images is None:
        return
    options.images.mkdir(parents=True, exist_ok=True)
    small = contact_sheet.contact_sheet(list(zip(captions, [[clip] for clip in shown])), 2, size=72)
    contact_sheet.save_small(small, options.images / "contact_sheet.webp")
    pairs = list(zip(captions, zip(real, shown)))[::2]  # half of them: the repository stays small
    both = contact_sheet.contact_sheet(pairs, 3, size=56)
    contact_sheet.save_small(both, options.images / "real_above_generated.webp")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", type=pathlib.Path)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--images", type=pathlib.Path)
    options = parser.parse_args()
    report = json.loads((options.comparison / "report.json").read_text(encoding="utf-8"))
    if options.configuration not in report["configurations"]:
        parser.error(f"--configuration: the comparison has {', '.join(report['configurations'])}")
    draw(options, report, first_seed(report, report["configurations"][options.configuration]))
    print(markdown(report, options.configuration))


if __name__ == "__main__":
    main()
