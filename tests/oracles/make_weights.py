#!/usr/bin/env python3
"""Fixtures of tests/fixtures/weights, made by the safetensors package.

Without arguments, writes them. With --check, makes them again in a temporary folder and fails if
the committed ones differ. Needs torch and safetensors.
"""

import fixture_folder
import safetensors.torch
import torch

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
    path = folder / "python.safetensors"
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


if __name__ == "__main__":
    fixture_folder.main(__doc__, "weights", make_safetensors)
