#!/usr/bin/env python3
"""Whole pipelines at full size on one GPU, from folders with random weights: what a model takes against what
`inspect` said before, what a budget of 24 GB costs, how long a cold start is, what fp8 changes.

  whole_models.py BINARY FOLDERS OUT [--models NAME...] [--device cuda] [--scratch DIR]

BINARY   zoetrope-gpu (or zoetrope); LIBRARIES in the environment is an LD_LIBRARY_PATH for it alone
FOLDERS  of models without weights: forecasts.py ZOETROPE --folders FOLDERS
OUT      receives table.md, measured.json and the pictures
A model is copied to --scratch (the larger of /dev/shm and /tmp), where its weights are filled in, and removed
when it has run. Needs Python with torch; with Pillow pictures are compared. Takes about eight minutes on an H200.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import time

import torch

PROMPT = "a lighthouse in a storm, oil on canvas"
BUDGET = "24GB"
STD = 0.02

# What a model makes; steps of a run that is timed, and whether its default number is run for the precisions.
PLANS = {
    "FLUX.1-dev": {"sizes": [("1024 x 1024", ["--width", "1024", "--height", "1024"])], "steps": 28, "tight": [0],
                   "cold": 3, "precisions": True, "together": True, "suffix": "png"},
    "HiDream-I1": {"sizes": [("1024 x 1024", ["--width", "1024", "--height", "1024"])], "steps": 8, "tight": [0],
                   "cold": 0, "precisions": True, "together": False, "suffix": "png"},
    "Wan2.1 14B": {"sizes": [("832 x 480, 81 frames", ["--width", "832", "--height", "480", "--frames", "81"]),
                             ("1280 x 720, 81 frames", ["--width", "1280", "--height", "720", "--frames", "81"])],
                   "steps": 2, "tight": [1], "cold": 0, "precisions": False, "together": False, "suffix": "webp"},
}
# For a trial on a CPU, with folders of tiny models.
TRIAL = {"sizes": [("64 x 64", ["--width", "64", "--height", "64"])], "steps": 2, "tight": [0], "cold": 1, "precisions": True, "together": True,
         "suffix": "png"}


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


# ---- weights --------------------------------------------------------------------------------------------------


def random_bytes(device):
    """Enough for the largest tensor's pieces: bf16 normals, and ones for the scales of norms."""
    noise = (torch.randn(128 << 20, device=device) * STD).to(torch.bfloat16).cpu()
    return noise.view(torch.uint8).numpy().tobytes(), torch.ones(1 << 16, dtype=torch.bfloat16).view(
        torch.uint8).numpy().tobytes()


def is_norm_scale(name, shape):
    return len(shape) == 1 and "norm" in name and name.endswith("weight")


def fill_file(source, target, noise, ones, pool):
    with open(source, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        text = file.read(size)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT)
    os.pwrite(descriptor, struct.pack("<Q", size) + text, 0)
    piece, jobs, at = 32 << 20, [], 0
    for name, entry in json.loads(text).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = ones if is_norm_scale(name, entry["shape"]) else noise
        for first in range(begin, end, piece):
            count = min(piece, end - first)
            at = 0 if values is ones else (at + 12345678) % (len(noise) - piece) // 2 * 2
            jobs.append(pool.submit(os.pwrite, descriptor, memoryview(values)[at:at + count], 8 + size + first))
    for job in jobs:
        job.result()
    os.close(descriptor)
    return os.path.getsize(target)


def fill(source, target, device):
    begin, total = time.perf_counter(), 0
    noise, ones = random_bytes(device)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for path in sorted(source.rglob("*.safetensors")):
            total += fill_file(path, target / path.relative_to(source), noise, ones, pool)
    seconds = time.perf_counter() - begin
    say(f"{source.name}: {total / 1e9:.1f} GB filled in {seconds:.0f} s")
    return total


# ---- running --------------------------------------------------------------------------------------------------


class Runner:
    def __init__(self, args):
        self.args = args
        self.env = dict(os.environ)
        if "LIBRARIES" in self.env:
            self.env["LD_LIBRARY_PATH"] = self.env["LIBRARIES"]

    def json(self, *words, limit=240):
        """What the program prints, or {"failure": why}."""
        words = [str(word) for word in (self.args.binary, *words)]
        try:
            done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return {"failure": f"no end after {limit} s"}
        try:
            report = json.loads(done.stdout)
            return report if done.returncode == 0 else {"failure": str(report.get("error", report))[:300]}
        except ValueError:
            return {"failure": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:300]}

    def generate(self, model, out, size, steps, *words):
        return self.json("generate", "--model", model, "-p", PROMPT, "--json", "--quiet", "--seed", 7, *size, "--steps",
                         steps, "--device", self.args.device, "--dtype", "bf16", "-o", out, *words)


def figures(report, steps):
    if "failure" in report:
        return report
    clip = report["clips"][0]
    return {"step_seconds": clip["seconds"]["denoise"] / steps, "stages": clip["seconds"],
            "peak_bytes": clip["peak_memory_bytes"], "reserved_bytes": clip.get("reserved_memory_bytes"),
            "first_step_seconds": report["first_step_seconds"], "total_seconds": report["total_seconds"], "load_seconds": report.get("load_seconds"),
            "warnings": clip["warnings"]}


def psnr_and_ssim(one, other):
    """Of two pictures in 0..255; SSIM with the usual window: 11 x 11, sigma 1.5."""
    from PIL import Image  # noqa: PLC0415: not everywhere
    import numpy  # noqa: PLC0415

    def read(path):
        return torch.from_numpy(numpy.asarray(Image.open(path).convert("RGB")).copy()).double().permute(2, 0, 1)[:, None]

    a, b = read(one), read(other)
    error = float(((a - b) ** 2).mean())
    line = torch.exp(-(torch.arange(11).double() - 5) ** 2 / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2)[None, None]
    blur = lambda x: torch.nn.functional.conv2d(x, window)  # noqa: E731
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b, both = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2, blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return (10 * math.log10(255**2 / error) if error else math.inf), float(ssim.mean())


def compare(one, other):
    if not (one.exists() and other.exists()):
        return {"failure": "a picture is missing"}
    if one.read_bytes() == other.read_bytes():
        return {"same_bytes": True}
    try:
        psnr, ssim = psnr_and_ssim(one, other)
        return {"same_bytes": False, "psnr_db": psnr, "ssim": ssim}
    except ImportError:
        return {"same_bytes": False, "failure": "no Pillow here to compare them"}


def study(name, folder, plan, runner, out):
    """Yields (what, figures) one by one, so that nothing is lost."""
    steps, suffix, slug = plan["steps"], plan["suffix"], name.split()[0].lower()
    for i, (label, size) in enumerate(plan["sizes"]):
        forecast = runner.json("inspect", folder, "--dtype", "bf16", *size, "--json")
        memory = forecast.get("gpu_memory" if runner.args.device == "cuda" else "memory", forecast)
        yield f"{label}: forecast", memory
        yield f"{label}: resident", figures(runner.generate(folder, out / f"{slug}{i}.{suffix}", size, steps), steps)
        if i in plan["tight"]:
            tight = runner.generate(folder, out / f"{slug}{i}_tight.{suffix}", size, steps, "--memory", BUDGET)
            yield f"{label}: in {BUDGET}", figures(tight, steps)
    label, size = plan["sizes"][0]
    for i in range(plan["cold"]):
        yield f"cold start {i + 1}", figures(runner.generate(folder, out / "cold.png", size, 1), 1)
    if plan["precisions"]:
        for words in (["--precision", "fp8"], ["--precision", "fp8", "--attention", "fp8"]):
            tag = "_".join(word.strip("-") for word in words)
            found = figures(runner.generate(folder, out / f"{slug}_{tag}.png", size, steps, *words), steps)
            yield " ".join(words), found | {"picture": compare(out / f"{slug}0.png", out / f"{slug}_{tag}.png")}
    if plan["together"]:
        found = runner.generate(folder, out / f"{slug}_few.png", size, 4)
        found = runner.generate(folder, out / f"{slug}_again.png", size, 4)
        yield "the same again", figures(found, 4) | {"picture": compare(out / f"{slug}_few.png", out / f"{slug}_again.png")}
        runner.json("generate", "--model", folder, "-p", PROMPT, "--json", "--quiet", "--seed", 5, "--count", 4, *size,
                    "--steps", 4, "--device", runner.args.device, "--dtype", "bf16", "-o", out / f"{slug}_of_four.png")
        third = next(iter(out.glob(f"{slug}_of_four*7.png")), out / "none")
        yield "third of four", {"picture": compare(out / f"{slug}_few.png", third)}


# ---- the table ------------------------------------------------------------------------------------------------


def gb(size):
    return f"{size / 1e9:.2f}" if size else ""


def table(measured):
    lines = [f"# Whole models on {measured['device']}", "",
             f"{measured['date']}. Random weights; memory in GB (10^9): of tensors at most, and what the allocator took "
             "of the card. A forecast includes 0.16 GB for libraries.", "",
             "| model | what | forecast | tensors | of forecast | taken | s a step | s to the first step | s in all | notes |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for name, parts in measured["models"].items():
        expected = None
        for what, found in parts.items():
            if "failure" in found:
                lines.append(f"| {name} | {what} | | | | | | | | {found['failure']} |")
                continue
            if what.endswith("forecast"):
                expected = found["peak_bytes"]
                continue
            resident = what.endswith("resident")
            notes = list(found.get("warnings", []))
            picture = found.get("picture", {})
            if picture.get("same_bytes"):
                notes.append("same bytes")
            elif "psnr_db" in picture:
                notes.append(f"PSNR {picture['psnr_db']:.1f} dB, SSIM {picture['ssim']:.3f} against bf16")
            elif picture:
                notes.append(picture.get("failure", "other bytes"))
            share = f"{found['peak_bytes'] / expected:.1%}" if resident and expected else ""
            cells = [gb(expected) if resident else "", gb(found.get("peak_bytes")), share, gb(found.get("reserved_bytes"))]
            cells += [f"{found[key]:.3f}" if key in found else ""
                      for key in ("step_seconds", "first_step_seconds", "total_seconds")]
            lines.append("| " + " | ".join([name, what, *cells, "; ".join(notes)]) + " |")
    return "\n".join(lines) + "\n"


def scratch_folder(given):
    if given:
        return given
    places = [place for place in ("/dev/shm", "/tmp") if os.path.isdir(place)]
    return pathlib.Path(max(places, key=lambda place: shutil.disk_usage(place).free))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("folders", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--models", nargs="+", help="names of folders (default: all there are)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scratch", type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    runner = Runner(args)
    device = torch.cuda.get_device_name() if args.device == "cuda" else "a CPU"
    measured = {"device": device, "date": time.strftime("%Y-%m-%d"), "models": {}}
    for name in args.models or sorted(folder.name for folder in args.folders.iterdir()):
        target = scratch_folder(args.scratch) / f"zoetrope-{os.getpid()}"
        parts = measured["models"].setdefault(name, {})
        try:
            fill(args.folders / name, target, args.device)
            for what, found in study(name, target, PLANS.get(name, TRIAL), runner, args.out):
                parts[what] = found
                say(f"{name}, {what}: " + json.dumps({k: v for k, v in found.items() if k not in ("components", "roles")}))
                (args.out / "measured.json").write_text(json.dumps(measured) + "\n")
                (args.out / "table.md").write_text(table(measured))
        except OSError as error:
            parts["files"] = {"failure": str(error)}
            say(f"{name}: {error}")
        finally:
            shutil.rmtree(target, ignore_errors=True)
    print(table(measured))


if __name__ == "__main__":
    main()
