#!/usr/bin/env python3
"""`zoetrope bench ladder` beside PyTorch running the same network, on one machine in one run.

    bench/ladder.py examples/owl.png examples/rocket.png [--device cuda]

Writes bench/results/<date>_ladder_<device>.{json,md}. Needs the built binary and torch; the peer of
I2VGen-XL's size (--i2vgen-xl) needs diffusers and is left out where that is missing.

The peer is the network alone: tests/oracles/animate_oracle.py with the model's weights, its context
projected after expansion, fused q/k/v, channels_last, scaled_dot_product_attention. Its time is that
of one forward times the rung's steps; guidance, solver, encoders and decoder are left out, in its
favour. torch.compile has its default mode on a CPU and CUDA graphs (reduce-overhead) on a GPU; the
time to compile is told apart.
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

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
import animate_oracle  # noqa: E402

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FORWARDS = {"cpu": 4, "cuda": 20}  # the first is not counted


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def time_forward(forward, device, count):
    """Median seconds, and the seconds of the first call, which may compile."""
    seconds = []
    for _ in range(count):
        synchronize(device)
        start = time.perf_counter()
        forward()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]), seconds[0]


class Peer:
    """Seconds of one forward of the model's U-Net in PyTorch, by number type, branches and mode."""

    def __init__(self, model, device):
        self.model, self.device, self.known = model, device, {}
        defaults = json.loads((model / "model_index.json").read_text(encoding="utf-8"))
        vae = json.loads((model / "vae" / "config.json").read_text(encoding="utf-8"))
        self.unet_config = json.loads((model / "unet" / "config.json").read_text(encoding="utf-8"))
        tokens = json.loads((model / "text_encoder" / "config.json").read_text(encoding="utf-8"))
        side = defaults["sample_size"][0] >> (len(vae["block_out_channels"]) - 1)
        self.clip = (defaults["num_frames"], self.unet_config["in_channels"], side, side)
        self.text = (tokens["max_position_embeddings"], self.unet_config["cross_attention_dim"])

    @torch.inference_mode()
    def seconds(self, dtype, branches, mode):
        key = (dtype, branches, mode)
        if key not in self.known:
            self.known[key] = self.measure(*key)
        return self.known[key]

    def measure(self, dtype, branches, mode):
        torch.manual_seed(0)
        unet = animate_oracle.load(self.model / "unet", DTYPES[dtype]).to(self.device)
        place = {"device": self.device, "dtype": DTYPES[dtype]}
        condition = unet.condition(torch.randn(branches, *self.text, **place),
                                   torch.randn(branches, *self.clip, **place),
                                   torch.full((branches,), 70.0, device=self.device))
        sample = torch.randn(branches, *self.clip, **place)
        timestep = torch.full((branches,), 500.0, device=self.device)
        run = unet
        if mode == "compiled":
            torch.compiler.reset()
            run = torch.compile(unet, mode="reduce-overhead" if self.device == "cuda" else None)
        median, first = time_forward(lambda: run(sample, timestep, condition), self.device,
                                     FORWARDS[self.device])
        print(f"PyTorch {mode}, {dtype}, {branches} branches: {median:.4f} s ({first:.0f} s at first)",
              file=sys.stderr)
        return {"forward_seconds": median, "first_seconds": first}


def add_peers(rungs, peer, modes):
    """For each rung what PyTorch takes for the same passes in the same numbers."""
    apart_until = "guidance branches in one batch"  # from this rung on
    together = False
    for rung in rungs:
        together = together or rung["name"] == apart_until
        if "note" in rung:
            continue
        batch = rung["branches"] if together else 1
        passes = rung["passes"] // batch
        rung["peer"] = {}
        for mode in modes:
            if mode == "compiled" and rung["dtype"] == "fp32":
                continue  # minutes for a figure nobody waits for
            measured = peer.seconds(rung["dtype"], batch, mode)
            rung["peer"][mode] = {**measured, "denoise_seconds": passes * measured["forward_seconds"]}


@torch.inference_mode()
def i2vgen_peer(device, frames, latent, branches, dtype, compiled):
    """One forward of diffusers' own class with random weights, or a note why not."""
    try:
        from diffusers import I2VGenXLUNet
    except ImportError as error:
        return {"note": f"diffusers is not there: {error}"}
    with torch.device(device):
        unet = I2VGenXLUNet().to(DTYPES[dtype]).eval()
        place = {"device": device, "dtype": DTYPES[dtype]}
        inputs = (torch.randn(branches, 4, frames, latent, latent, **place),
                  torch.full((branches,), 500.0),
                  torch.full((branches,), 16.0),
                  torch.randn(branches, 4, frames, latent, latent, **place),
                  torch.randn(branches, 1024, **place),
                  torch.randn(branches, 77, 1024, **place))
    report = {}
    for mode in ["eager"] + (["compiled"] if compiled else []):
        run = unet if mode == "eager" else torch.compile(unet)
        median, first = time_forward(lambda: run(*inputs, return_dict=False), device, 6)
        report[mode] = {"forward_seconds": median, "first_seconds": first}
    return report


def hardware(device):
    facts = {"torch": torch.__version__, "python": platform.python_version(), "cores": os.cpu_count(),
             "load_average": round(os.getloadavg()[0], 1), "niceness": os.nice(0)}
    cpu = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    field = {line.split(":")[0].strip(): line.split(":")[1].strip() for line in cpu.splitlines() if ":" in line}
    facts["cpu"] = field.get("model name", platform.machine())
    facts["extensions"] = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
                           if name in field.get("flags", "").split()]
    if device == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def run_json(command):
    """Runs a study of the binary, its table on our stderr; its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "study.json")
        subprocess.run([str(part) for part in [*command, "-o", out]], check=True, stdout=sys.stderr)
        return json.loads(out.read_text(encoding="utf-8"))


def peer_cell(rung, mode):
    peer = rung.get("peer", {}).get(mode)
    if not peer:
        return ""
    seconds = peer["denoise_seconds"]
    return f"{seconds:.3f} ({seconds / rung['denoise_seconds']['median']:.2f})"


def markdown(report):
    facts, rungs = report["hardware"], report["rungs"]
    where = facts.get("gpu") or f"{facts['cpu']}, {facts['cores']} cores ({', '.join(facts['extensions'])})"
    lines = [f"# The ladder on {where}, {report['date']}", "",
             f"Model {report['model']}, pictures: {', '.join(report['pictures'])}, commit"
             f" {report['commit']}, PyTorch {facts['torch']}, load average {facts['load_average']} at the start,"
             f" niceness {facts['niceness']}.", "",
             "Each rung adds one idea to all before it. Seconds of denoising and of the whole clip (encoders and"
             " decoder included) are medians over the pictures; memory is weights and live tensors; PSNR is the"
             " clip's to the first rung's from the same noise, the mean over the pictures. PyTorch: one forward of"
             " the same network times the steps, in brackets how many times our denoising takes that long.", "",
             "| rung | numbers | passes | denoise s | faster | clip s | MiB | PSNR dB | PyTorch eager s |"
             " PyTorch compiled s |", "|---|---|---|---|---|---|---|---|---|---|"]
    for rung in rungs:
        if "note" in rung:
            lines.append(f"| {rung['name']} | left out: {rung['note']} |" + " |" * 8)
            continue
        seconds = rung["denoise_seconds"]["median"]
        faster = rungs[0]["denoise_seconds"]["median"] / seconds
        psnr = rung.get("psnr_db", "")
        lines.append(f"| {rung['name']} | {rung['dtype']} | {rung['passes']} | {seconds:.3f} | {faster:.1f} |"
                     f" {rung['clip_seconds']['median']:.3f} | {rung['peak_memory_bytes'] / 2**20:.0f} |"
                     f" {psnr if isinstance(psnr, str) else format(psnr, '.1f')} | {peer_cell(rung, 'eager')} |"
                     f" {peer_cell(rung, 'compiled')} |")
    if "i2vgen_xl" in report:
        lines += ["", *i2vgen_lines(report["i2vgen_xl"])]
    return "\n".join(lines) + "\n"


def i2vgen_lines(report):
    shape = report["shape"]
    lines = [f"## A network of I2VGen-XL's size, random weights: {shape['branches']} branches,"
             f" {shape['frames']} frames of {shape['latent']}x{shape['latent']} latents", "",
             "| rung | numbers | step s | MiB |", "|---|---|---|---|"]
    for rung in report["rungs"]:
        lines.append(f"| {rung['name']} | {rung['dtype']} | {rung['step_seconds']:.4f} |"
                     f" {rung['peak_memory_bytes'] / 2**20:.0f} |")
    peer = report["peer"]
    if "note" in peer:
        return lines + ["", f"PyTorch left out: {peer['note']}."]
    for mode, measured in peer.items():
        lines.append(f"| diffusers' I2VGenXLUNet, {mode} | {report['dtype']} |"
                     f" {measured['forward_seconds']:.4f} | |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", help="PNG files; a file's name is its prompt")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "animate")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/src/apps/zoetrope")
    parser.add_argument("--naive-steps", type=int, default=50)
    parser.add_argument("--block-threshold", type=float)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--i2vgen-xl", action="store_true", help="also a network of that size")
    parser.add_argument("--latent", type=int, default=64, help="its latents' side")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = ["--device", options.device, "--threads", options.threads]

    command = [options.binary, "bench", "ladder", *options.pictures, "--model", options.model, *where,
               "--naive-steps", options.naive_steps]
    if options.block_threshold is not None:
        command += ["--block-threshold", options.block_threshold]
    facts = hardware(options.device)
    report = {**run_json(command), "hardware": facts}
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    report["commit"] = git.stdout.strip() or "unknown"
    modes = ["eager"] if options.no_compile else ["eager", "compiled"]
    add_peers(report["rungs"], Peer(options.model, options.device), modes)
    if options.i2vgen_xl:
        shape = {"branches": 3, "frames": options.frames, "latent": options.latent}
        ours = run_json([options.binary, "bench", "network", *where, "--frames", options.frames,
                         "--latent", options.latent])
        report["i2vgen_xl"] = {"shape": shape, "dtype": "bf16", "rungs": ours["rungs"],
                               "peer": i2vgen_peer(options.device, options.frames, options.latent, 3, "bf16",
                                                   compiled=False)}

    options.results.mkdir(parents=True, exist_ok=True)
    stem = options.results / f"{report['date']}_ladder_{options.device}"
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
