#!/usr/bin/env python3
"""`zoetrope animate` on the CPU beside PyTorch eager with the same weights, in the same run.

    bench/animate_cpu.py --model MODEL_DIR [--rounds N] [--threads N]

Every round measures each row once, ours and PyTorch's in turn, so that a busy machine disturbs all of
them alike; the table shows medians over the rounds and the spread. On a shared machine run it with a
negative niceness, which the report names. Writes bench/results/<date>_animate_cpu.{json,md}.
Needs torch, diffusers and the built binary.

PyTorch is given every advantage that needs no work: channels_last, scaled_dot_product_attention, fused
q/k/v, three guidance branches in one batch, modules loaded and warm, the text encoder, process start and
the MP4 left out. Ours are whole processes, but for the rows of one forward.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import torch

import torch_peer

ROOT = pathlib.Path(__file__).resolve().parents[1]
PICTURE, PROMPT = ROOT / "examples" / "owl.png", "owl"
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
FORWARDS = 4  # in a row, of which the median counts
STUDENT_STEPS = 8


def measure_process(command):
    """JSON on its stdout, wall seconds. Peak memory is for the process itself to report (VmHWM): the
    kernel's figure for a child counts this process's own pages, which it shares until it execs."""
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return json.loads(done.stdout), time.perf_counter() - start


class Ours:
    def __init__(self, options):
        self.binary = options.binary
        self.flags = ["--model", options.model, "--device", "cpu", "--threads", options.threads, "--json"]

    def forward(self, branches):
        guidance = {1: [1, 1], 3: [1.5, 3]}[branches]
        flags = ["--quality", "best", "--runs", 1, "--image-guidance", guidance[0], "--text-guidance", guidance[1]]
        report, _ = measure_process([self.binary, "bench", *flags, *self.flags])
        return {f"forward, batch {branches}": report["step_seconds"]}

    def animate(self, quality):
        with tempfile.TemporaryDirectory() as folder:
            report, wall = measure_process(
                [self.binary, "animate", PICTURE, "--prompt", PROMPT, "--quality", quality,
                 "-o", f"{folder}/clip.mp4", *self.flags])
        clip = report["clips"][0]
        return {f"{quality}: whole process": wall, f"{quality}: first step after process start": report["first_step_seconds"],
                f"{quality}: peak memory": clip["peak_memory_bytes"],
                f"{quality}: denoising": clip["seconds"]["denoise"]}


class PyTorch:
    def __init__(self, options, dump, dtype):
        self.peer = torch_peer.Peer(options.model, DTYPES[dtype])
        self.dump = dump
        self.steps = self.peer.defaults["num_inference_steps"]

    @torch.inference_mode()
    def forward(self, branches):
        d, dtype = self.dump, self.peer.dtype
        condition = self.peer.condition(d["text"].expand(branches, -1, -1),
                                        d["image_latents"].expand(branches, -1, -1, -1, -1))
        sample = d["noise"].permute(0, 3, 1, 2).expand(branches, -1, -1, -1, -1).to(dtype)
        seconds = []
        for _ in range(FORWARDS):
            start = time.perf_counter()
            self.peer.unet(sample, torch.full((branches,), 500.0), condition)
            seconds.append(time.perf_counter() - start)
        found = {f"forward, batch {branches}": statistics.median(seconds[1:])}
        if branches == 1:  # the student's network differs from the teacher's by one small embedding
            found["fast: denoising"] = STUDENT_STEPS * found["forward, batch 1"]
        return found

    def animate(self):
        d = self.dump
        start = time.perf_counter()
        self.peer.animate(d["first_frame"], d["noise"], d["text"].float(), d["negative_text"].float(), self.steps)
        return {"best: from picture to pixels, warm": time.perf_counter() - start}


def one_process(model, dump, dtype, threads):
    """A whole PyTorch process: start, imports, loading, one clip."""
    code = (f"import sys; sys.path.insert(0, {str(ROOT / 'bench')!r}); import torch, torch_peer as t;"
            f"torch.set_num_threads({threads}); p = t.Peer({str(model)!r}, torch.{dtype}); d = t.read_dump({dump!r});"
            "p.animate(d['first_frame'], d['noise'], d['text'].float(), d['negative_text'].float(),"
            "p.defaults['num_inference_steps']);"
            "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])")
    kilobytes, wall = measure_process([sys.executable, "-c", code])
    return {"best: whole process": wall, "best: peak memory": kilobytes * 1024}


def hardware():
    cpu = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii")
    field = {line.split(":")[0].strip(): line.split(":")[1].strip() for line in cpu.splitlines() if ":" in line}
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return {"cpu": field.get("model name", platform.machine()), "cores": os.cpu_count(),
            "extensions": [name for name in wanted if name in field.get("flags", "").split()],
            "torch": torch.__version__, "python": platform.python_version(),
            "niceness": os.nice(0), "load_average": round(os.getloadavg()[0], 1)}


def run(options, dump_folder):
    dump = torch_peer.read_dump(dump_folder)
    ours = Ours(options)
    peers = {name: PyTorch(options, dump, name) for name in DTYPES}
    samples = {}

    def note(who, values):
        for what, value in values.items():
            samples.setdefault(what, {}).setdefault(who, []).append(value)

    for i in range(options.rounds):
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
        for branches in (1, 3):
            note("zoetrope", ours.forward(branches))
            for name, peer in peers.items():
                note(f"PyTorch {name}", peer.forward(branches))
        for quality in ("best", "fast"):
            note("zoetrope", ours.animate(quality))
        for name, peer in peers.items():
            note(f"PyTorch {name}", peer.animate())
        if i == 0:
            note("PyTorch bf16", one_process(options.model, str(dump_folder), "bfloat16", options.threads))
    return samples


# What issue and README promise, of `zoetrope` (and PyTorch bf16): each row's test and its wording.
BARS = {
    "forward, batch 1": ("1.5 times as fast as PyTorch bf16", lambda ours, peer: peer >= 1.5 * ours),
    "best: whole process": ("at most 5 s", lambda ours, _: ours <= 5),
    "best: first step after process start": ("at most 0.7 s", lambda ours, _: ours <= 0.7),
    "best: peak memory": ("at most 1 GB", lambda ours, _: ours <= 1e9),
    "fast: whole process": ("at most 1.2 s", lambda ours, _: ours <= 1.2),
    "fast: denoising": ("at most 0.6 s", lambda ours, _: ours <= 0.6),
}


def markdown(report):
    facts, samples = report["hardware"], report["samples"]
    who = ["zoetrope", "PyTorch bf16", "PyTorch fp32"]

    def shown(what, values):
        if not values:
            return ""
        unit, scale = ("MB", 1e-6) if what.endswith("peak memory") else ("s", 1)
        digits = 0 if unit == "MB" else 3
        low, middle, high = (f * scale for f in (min(values), statistics.median(values), max(values)))
        spread = f" ({low:.{digits}f} .. {high:.{digits}f})" if len(values) > 1 else ""
        return f"{middle:.{digits}f} {unit}{spread}"

    lines = [f"# animate on the CPU, {report['date']}", "",
             f"{facts['cpu']}, {facts['cores']} cores ({', '.join(facts['extensions'])}), {report['threads']} threads,",
             f"niceness {facts['niceness']}, load average {facts['load_average']} at the start.",
             f"PyTorch {facts['torch']} eager, same weights. Commit {report['commit']}. Medians of",
             f"{report['rounds']} interleaved rounds (least .. most). `best` is the teacher, {report['steps']} steps of three guidance",
             f"branches; `fast`, the default, is the student, {STUDENT_STEPS} steps of one.", "",
             "| | " + " | ".join(who) + " | PyTorch bf16 / zoetrope | bar |", "|---|" + "---|" * (len(who) + 2)]
    for what, by in samples.items():
        medians = [statistics.median(by[name]) if name in by else None for name in who]
        ratio = f"{medians[1] / medians[0]:.2f}" if medians[0] and medians[1] else ""
        bar = ""
        if what in BARS:
            wording, test = BARS[what]
            bar = f"{wording}: {'met' if test(medians[0], medians[1]) else 'MISSED'}"
        lines.append(f"| {what} | " + " | ".join(shown(what, by.get(name)) for name in who) + f" | {ratio} | {bar} |")
    lines += ["", "One forward of zoetrope is a denoising step as `zoetrope bench` sees it, with guidance and the",
              "solver; PyTorch's is the network alone. PyTorch's warm clip leaves out the text encoder, loading and",
              "the MP4; its denoising of `fast` is its forward of batch 1, times the steps."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/src/apps/zoetrope")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    report = {"date": datetime.date.today().isoformat(), "commit": git.stdout.strip(), "rounds": options.rounds,
              "threads": options.threads, "hardware": hardware()}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.binary, "animate", PICTURE, "--prompt", PROMPT, "--model", options.model, "--quiet",
                        "--quality", "best", "-o", f"{folder}/clip.mp4", "--dump", folder], check=True)
        report["steps"] = json.loads(pathlib.Path(folder, "request.json").read_text(encoding="utf-8"))["steps"]
        report["samples"] = run(options, folder)
    options.results.mkdir(parents=True, exist_ok=True)
    stem = options.results / f"{report['date']}_animate_cpu"
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
