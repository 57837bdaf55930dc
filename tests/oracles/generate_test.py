#!/usr/bin/env python3
"""`zoetrope generate` on checkpoints that diffusers' own save_pretrained writes, from the same noise
as diffusers' pipelines (tiny_pipelines.py).

    generate_test.py ZOETROPE

Pictures must equal diffusers' to 60 dB. Clips pass through an encoder that loses a little: 30 dB.
"""
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors.torch
from PIL import Image, ImageSequence

import tiny_pipelines

FLAGS = {"negative_prompt": "--negative-prompt", "true_cfg_scale": "--true-cfg-scale"}


def psnr(made, expected):
    error = numpy.square(made.astype(float) - expected.astype(float)).mean()
    return 10 * math.log10(255**2 / max(error, 1e-12))


def generate(zoetrope, folder, case, out):
    command = [zoetrope, "generate", "--model", folder / "model", "--dtype", "fp32", "--quiet", "-o", out,
               "--latents", folder / "noise.safetensors"]
    if case.picture is not None:
        case.picture.save(folder / "picture.png")
        command += ["--image", folder / "picture.png"]
    for field, value in case.request.items():
        command += [FLAGS.get(field, "--" + field), str(value)]
    subprocess.run(command, check=True)


def check(zoetrope, name):
    case = tiny_pipelines.make_case(name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        case.pipeline.save_pretrained(folder / "model")
        safetensors.torch.save_file({"noise": case.noise.contiguous()}, folder / "noise.safetensors")
        is_clip = "frames" in case.request
        out = folder / ("out.webp" if is_clip else "out.png")
        generate(zoetrope, folder, case, out)
        with Image.open(out) as image:
            frames = numpy.stack([numpy.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)])
    expected = case.frames.numpy()
    assert frames.shape == expected.shape, (name, frames.shape, expected.shape)
    decibels, least = psnr(frames, expected), 30 if is_clip else 60
    print(f"{name}: {decibels:.1f} dB, at least {least}")
    assert decibels >= least, name


if __name__ == "__main__":
    for each in tiny_pipelines.CASES:
        check(sys.argv[1], each)
