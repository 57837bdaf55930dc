#!/usr/bin/env python3
"""Fixtures of tests/fixtures/weights, made by the reference implementations.

Without arguments, writes them. With --check, makes them again in a temporary folder and fails if
the committed ones differ. Needs torch and safetensors.
"""

import argparse
import filecmp
import pathlib
import sys
import tempfile

import safetensors.torch
import torch

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "weights"

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


def make_safetensors(folder):
    """One tensor of every dtype, 0..5 (BOOL: greater than 2), a scalar and an empty tensor."""
    ramp = torch.arange(6).view(2, 3)
    tensors = {name: (ramp > 2 if name == "BOOL" else ramp.to(dtype)) for name, dtype in DTYPES.items()}
    tensors["scalar"] = torch.tensor(1.5, dtype=torch.float64)
    tensors["empty"] = torch.zeros(0, 4)
    safetensors.torch.save_file(tensors, folder / "python.safetensors", metadata={"format": "pt"})


def make(folder):
    make_safetensors(folder)


def check():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder)
        wanted = sorted(p.name for p in folder.iterdir())
        committed = sorted(p.name for p in FIXTURES.iterdir())
        if wanted != committed:
            sys.exit(f"fixtures/weights holds {committed}, the oracle makes {wanted}")
        _, different, errors = filecmp.cmpfiles(folder, FIXTURES, wanted, shallow=False)
        if different or errors:
            sys.exit(f"fixtures/weights differs from the oracle: {different + errors}")
    print(f"fixtures/weights: {len(wanted)} files equal")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if parser.parse_args().check:
        check()
    else:
        FIXTURES.mkdir(parents=True, exist_ok=True)
        make(FIXTURES)


if __name__ == "__main__":
    main()
