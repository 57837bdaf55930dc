#!/usr/bin/env python3
"""Fixtures of the quality figures: what scikit-image, SciPy and the lpips package compute.

    make_eval.py            writes tests/fixtures/eval/
    make_eval.py --check    computes again and compares with the committed files

LPIPS is the package's own class, its AlexNet made narrow so that the fixture stays small (the
weights are random: parity of the computation is what is compared; the published weights have the
same names and kernels).
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

import lpips
import numpy as np
import scipy.linalg
import torch
from safetensors.numpy import load_file, save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "eval"
WIDTHS = (4, 6, 8, 6, 5)
TOLERANCE = 1e-5  # relative, for --check: another processor may sum in another order


def pictures(rng, count, height, width):
    """Smooth colour fields with an edge, and the same with noise: u8 [count, h, w, 3] each."""
    y, x = np.mgrid[0:height, 0:width] / 16.0
    fields = [128 + 90 * np.sin(x * a + c) * np.cos(y * b - c) + 60 * (x + y > 3 + a)
              for a, b, c in rng.uniform(0.5, 2, (3 * count, 3))]
    clean = np.stack(fields).reshape(count, 3, height, width).transpose(0, 2, 3, 1)
    noisy = 0.9 * clean + rng.normal(0, 12, clean.shape)
    return [np.ascontiguousarray(np.clip(np.round(p), 0, 255), np.uint8) for p in (clean, noisy)]


def figures(rng):
    a, b = pictures(rng, 3, 32, 40)
    ssim = [structural_similarity(p, q, data_range=255, channel_axis=-1, gaussian_weights=True,
                                  sigma=1.5, use_sample_covariance=False) for p, q in zip(a, b)]
    return {"a": a, "b": b, "ssim": np.float64(np.mean(ssim)).reshape(1),
            "psnr": np.float64(peak_signal_noise_ratio(a, b, data_range=255)).reshape(1)}


def frechet(x, y):
    covariances = [np.cov(rows, rowvar=False) for rows in (x, y)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    spread = np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
    return np.float64(np.sum((x.mean(0) - y.mean(0)) ** 2) + spread).reshape(1)


def frechet_cases(rng):
    mix = rng.normal(size=(6, 6))
    x = rng.normal(size=(80, 6)) @ mix
    y = rng.normal(size=(60, 6)) @ (mix + rng.normal(size=(6, 6))) + 0.4
    return {"x": x, "y": y, "frechet": frechet(x, y)}


def narrow_lpips():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's, about how lpips calls it
        model = lpips.LPIPS(net="alex", pnet_rand=True, pretrained=False, verbose=False)
    torch.manual_seed(5)
    before = 3
    for number, width in enumerate(WIDTHS):
        block = getattr(model.net, f"slice{number + 1}")
        for name, layer in block.named_children():
            if isinstance(layer, torch.nn.Conv2d):
                narrow = torch.nn.Conv2d(before, width, layer.kernel_size, layer.stride,
                                         layer.padding)
                setattr(block, name, narrow)
                before = width
        head = torch.nn.Conv2d(width, 1, 1, bias=False)
        head.weight.data.uniform_(0, 1)
        getattr(model, f"lin{number}").model[1] = head
        model.lins[number].model[1] = head
    return model.eval()


def lpips_case(rng):
    model = narrow_lpips()
    a, b = pictures(rng, 2, 64, 72)
    signed = [torch.from_numpy(p).permute(0, 3, 1, 2).float() / 127.5 - 1 for p in (a, b)]
    with torch.no_grad():
        distance = model(*signed).double().mean().numpy().reshape(1)
    weights = {name: value.numpy() for name, value in model.state_dict().items()
               if not name.startswith("lins.")}
    return {"lpips_a": a, "lpips_b": b, "lpips": distance}, weights


def make(folder):
    rng = np.random.default_rng(7)
    values, weights = lpips_case(rng)
    values |= figures(rng) | frechet_cases(rng)
    (folder / "lpips").mkdir(parents=True, exist_ok=True)
    save_file(values, folder / "figures.safetensors")
    save_file(weights, folder / "lpips" / "model.safetensors")


def differences(made, kept):
    for path in sorted(made.rglob("*.safetensors")):
        name = path.relative_to(made)
        ours, theirs = load_file(path), load_file(kept / name)
        if ours.keys() != theirs.keys():
            yield f"{name}: other tensors"
            continue
        for key, value in ours.items():
            if not np.allclose(value, theirs[key], rtol=TOLERANCE, atol=1e-9):
                yield f"{name}: {key} differs"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        make(FOLDER)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        found = list(differences(pathlib.Path(folder), FOLDER))
    print("\n".join(found) or "eval: as committed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
