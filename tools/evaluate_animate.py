#!/usr/bin/env python3
"""Measures a bundled-model checkpoint on held-out stickers and draws contact sheets.

    tools/evaluate_animate.py --data DATA_DIR --model MODEL_DIR --out REPORT_DIR [--images DIR]

One clip of each of 24 held-out concepts, spread evenly over models/training/held_out.txt: the first
frame of the real clip is the picture, its caption the prompt, seed 0, everything else the model's
default. Every clip is made by `zoetrope animate --dump`. The formats `animate` writes lose detail, so
the dumped latents are decoded here, in fp32, by diffusers' AutoencoderKL; that also shows frame 0 as
the model made it, which `animate` replaces by the picture itself.

Writes REPORT_DIR/evaluation.json and evaluation.md, the frames (REPORT_DIR/clips.npz), large sheets to
judge by eye (REPORT_DIR/sheet_N.png) and, with --images, the small sheets of the documentation.
Needs ffmpeg, torch, diffusers, numpy, Pillow. Definitions of the figures: docs/model_card.md.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import contact_sheet

ROOT = pathlib.Path(__file__).resolve().parents[1]
FRAMES, FPS, SIDE = 16, 8, 128  # of the data set
NEAR = 20                       # of 255: colours this close look alike
WHO = ("man ", "woman ", "person ", "men ", "women ", "people ")


# --- held-out clips ---------------------------------------------------------------------------------

def concept_of(caption):
    """As src/train/prepare.cpp: without the skin tone and without who does it."""
    text = caption.split(":")[0].lower()
    return next((text[len(who):] for who in WHO if text.startswith(who)), text)


def choose_clips(data, count):
    """One row of animations.jsonl for each of `count` concepts. Skin tones alternate."""
    lines = (ROOT / "models/training/held_out.txt").read_text(encoding="utf-8").splitlines()
    concepts = [concept_of(line) for line in lines if line and not line.startswith("#")]
    rows = [json.loads(line) for line in (data / "animations.jsonl").read_text(encoding="utf-8").splitlines()]
    chosen = []
    for i in np.linspace(0, len(concepts) - 1, count).round().astype(int):
        clips = [row for row in rows if concept_of(row["caption"]) == concepts[i]]
        chosen.append(clips[i % len(clips)])
    return chosen


def read_clip(data, index):
    """u8 [16, 128, 128, 3]; each clip is a group of pictures of its own."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-ss", str(index * FRAMES / FPS),
               "-i", str(data / "animations-128px.mkv"), "-frames:v", str(FRAMES),
               "-vf", "scale=sws_flags=accurate_rnd+full_chroma_int,format=rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(FRAMES, SIDE, SIDE, 3)


# --- figures of one clip ----------------------------------------------------------------------------

def psnr(a, b):
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def motion(clip):
    """Mean |difference| of neighbouring frames, in [0, 1]."""
    return np.abs(np.diff(clip.astype(float), axis=0)).mean() / 255


def jerk(clip):
    """Second over first differences. Flicker raises it; even motion lowers it."""
    first = np.diff(clip.astype(float), axis=0)
    return np.abs(np.diff(first, axis=0)).mean() / max(np.abs(first).mean(), 1e-9)


def gradient_energy(clip):
    grey = clip.astype(float).mean(-1)
    return (np.diff(grey, axis=1) ** 2).mean() + (np.diff(grey, axis=2) ** 2).mean()


def dirty_white(clip, real):
    """Share of pixels far from white where the real clip stays white in all its frames."""
    background = (real >= 250).all(axis=(0, 3))
    return float(((255 - clip[:, background].astype(int)).max(-1) > NEAR).mean())


def near_colours(picture):
    """bool [256, 256, 256]: within NEAR of a colour of the picture, in every channel."""
    near = np.zeros((256,) * 3, bool)
    near[tuple(picture.reshape(-1, 3).T)] = True
    for axis in range(3):
        near = np.moveaxis(near, axis, 0)
        for shift in (1, 2, 4, 8, 5):  # reaches of 1, 3, 7, 15 and 20
            grown = near.copy()
            grown[shift:] |= near[:-shift]
            grown[:-shift] |= near[shift:]
            near = grown
        near = np.moveaxis(near, 0, axis)
    return near


def figures(clip, real, near):
    return {
        "motion": motion(clip),
        "motion_ratio": motion(clip) / motion(real),
        "jerk": jerk(clip),
        "sharp": gradient_energy(clip) / gradient_energy(real),
        "dirty_white": dirty_white(clip, real),
        "novel": float(1 - near[tuple(clip.reshape(-1, 3).T)].mean()),
        "frame0_psnr": psnr(clip[0], real[0]),
        "truth_psnr": psnr(clip[1:], real[1:]),
    }


# --- clips of the model -----------------------------------------------------------------------------

def animate(options, picture, prompt, *flags):
    """Runs the binary; the dumped tensors by name."""
    import torch_peer
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(picture).save(f"{folder}/picture.png")
        command = [options.binary, "animate", f"{folder}/picture.png", "--model", options.model, "--prompt",
                   prompt, "--seed", "0", "-o", f"{folder}/clip.webp", "--dump", folder, "--quiet", *flags]
        if options.threads:
            command += ["--threads", str(options.threads)]
        subprocess.run([str(part) for part in command], check=True)
        return torch_peer.read_dump(folder)


def generate(options, autoencoder, picture, prompt, *flags):
    """The clip as `animate` shows it, and frame 0 as the model made it."""
    dump = animate(options, picture, prompt, *flags)
    decoded = autoencoder.decode(dump["latents"])
    shown = np.concatenate([dump["first_frame"].numpy()[None], decoded[1:]])
    return shown, decoded[0]


def evaluate_clip(options, autoencoder, row):
    real = read_clip(options.data, row["index"])
    shown, made0 = generate(options, autoencoder, real[0], row["caption"])
    near = near_colours(real[0])
    result = {name: figures(clip, real, near) for name, clip in {
        "generated": shown,
        "still": np.repeat(real[:1], FRAMES, 0),
        "autoencoder": autoencoder.decode(autoencoder.encode(real.copy())),
        "real": real,
    }.items()}
    result["generated"]["frame0_psnr_made"] = psnr(made0, real[0])
    return {"caption": row["caption"], "group": row["group"], "figures": result}, real, shown


def knob(options, autoencoder, pictures):
    """Median motion of the same pictures at several strengths. pictures: (caption, picture) each."""
    def at(strength):
        clips = [generate(options, autoencoder, picture, caption, "--motion", strength)[0]
                 for caption, picture in pictures]
        return float(np.median([motion(clip) for clip in clips]))
    return {strength: at(strength) for strength in ("0.0", "0.3", "0.7", "1.0")}


# --- report -----------------------------------------------------------------------------------------

def summarise(clips):
    summary = {}
    for kind in clips[0]["figures"]:
        names = clips[0]["figures"][kind]
        summary[kind] = {name: float(np.median([c["figures"][kind][name] for c in clips])) for name in names}
        # Shares are of all pixels: a median would hide the few clips that spoil them.
        for name in ("dirty_white", "novel"):
            summary[kind][name] = float(np.mean([c["figures"][kind][name] for c in clips]))
    logs = [[np.log(c["figures"][kind]["motion"]) for c in clips] for kind in ("generated", "real")]
    summary["generated"]["motion_correlation"] = float(np.corrcoef(logs)[0, 1])
    return summary


def markdown(report):
    head = ["", "frame 0 PSNR, dB", "PSNR to truth, dB", "motion, %", "motion / real", "jerk", "sharp",
            "dirty white, %", "novel, %"]
    scale = {"motion": 100, "dirty_white": 100, "novel": 100}
    names = ["frame0_psnr", "truth_psnr", "motion", "motion_ratio", "jerk", "sharp", "dirty_white", "novel"]

    def row(label, values):
        return f"| {label} | " + " | ".join(f"{values[n] * scale.get(n, 1):.2f}" for n in names) + " |"

    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [row(kind, values) for kind, values in report["summary"].items()]
    made = report["summary"]["generated"]
    lines += ["", f"Frame 0 as the model made it, before the picture replaces it: {made['frame0_psnr_made']:.2f} dB.",
              f"Correlation of log motion with the real clips': {made['motion_correlation']:.2f}."]
    if report["knob"]:
        lines += ["", "| `--motion` | " + " | ".join(report["knob"]) + " |", "|" + "---|" * (1 + len(report["knob"])),
                  "| median motion, % | " + " | ".join(f"{100 * v:.2f}" for v in report["knob"].values()) + " |"]
    lines += ["", *lines[:2]]
    lines += [row(clip["caption"], clip["figures"]["generated"]) for clip in report["clips"]]
    return "\n".join(lines) + "\n"


def draw(options, captions, real, shown):
    for page in range(0, len(captions), 4):
        cells = [(captions[i], [real[i], shown[i]]) for i in range(page, min(page + 4, len(captions)))]
        contact_sheet.contact_sheet(cells, 1, FRAMES, 112).save(options.out / f"sheet_{page // 4}.png")
    if options.images is None:
        return
    options.images.mkdir(parents=True, exist_ok=True)
    small = contact_sheet.contact_sheet(list(zip(captions, [[clip] for clip in shown])), 2, size=72)
    contact_sheet.save_small(small, options.images / "contact_sheet.png")
    both = contact_sheet.contact_sheet(list(zip(captions, zip(real, shown))), 3, size=56)
    contact_sheet.save_small(both, options.images / "real_above_generated.png")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="animations-128px.mkv and animations.jsonl")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/src/apps/zoetrope")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--knob-clips", type=int, default=8, help="pictures for the motion knob; 0 skips it")
    parser.add_argument("--threads", type=int, help="of the binary and of torch")
    return parser.parse_args()


def main():
    options = parse()
    sys.path.insert(0, str(ROOT / "bench"))
    import torch
    import torch_peer
    torch.set_num_threads(options.threads or os.cpu_count())
    autoencoder = torch_peer.Autoencoder(options.model)
    options.out.mkdir(parents=True, exist_ok=True)

    clips, reals, showns = [], [], []
    for i, row in enumerate(choose_clips(options.data, options.clips)):
        clip, real, shown = evaluate_clip(options, autoencoder, row)
        clips.append(clip), reals.append(real), showns.append(shown)
        print(f"{i + 1}/{options.clips} {row['caption']}: motion {clip['figures']['generated']['motion_ratio']:.2f} of real",
              file=sys.stderr)
    captions = [clip["caption"] for clip in clips]
    np.savez_compressed(options.out / "clips.npz", captions=captions, real=reals, generated=showns)
    draw(options, captions, reals, showns)
    chosen = np.linspace(0, len(clips) - 1, options.knob_clips).round().astype(int)
    knobs = knob(options, autoencoder, [(captions[i], reals[i][0]) for i in chosen]) if len(chosen) else {}
    report = {"summary": summarise(clips), "knob": knobs, "clips": clips}
    (options.out / "evaluation.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n",
                                                 encoding="utf-8")
    (options.out / "evaluation.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
