"""What the makers of tests/fixtures/models share.

A fixture is a folder as save_pretrained writes it (config.json and a safetensors file), plus
case.safetensors: inputs, the reference's outputs and, as scalars called <output>.bf16_error, the
relative error of the reference itself when it runs in bf16.

Fixtures made with save_generated hold no weights: parameters.json lists names and shapes, and their
values come from generated_values, which src/models/generated_source.h repeats in C++.

Weights and inputs hold values that bf16 represents exactly. So one reference run in fp64 serves both
the fp32 and the bf16 comparison, and files are half as large.
"""

import argparse
import copy
import json
import math
import pathlib
import shutil
import sys
import tempfile

import diffusers
import numpy
import safetensors.torch
import torch
import transformers

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
# Same oracle, another machine: fp64 results rounded to fp32 agree far better than this. A bf16
# error is a property of the machine's kernels, only its size is compared.
CHECK_TOLERANCE = 1e-6


def numbers(seed, *shape, std=1.0):
    """Normal numbers that bf16 represents, the same on every machine."""
    values = numpy.random.default_rng(seed).standard_normal(shape) * std
    return torch.from_numpy(values).to(torch.bfloat16).float()


def randomise(model, seed):
    """Gives every parameter a value that matters: no zero biases, no norm that is the identity."""
    for index, (name, parameter) in enumerate(sorted(model.named_parameters())):
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            value = numbers([seed, index], *parameter.shape, std=fan_in**-0.5)
        else:
            value = numbers([seed, index], *parameter.shape, std=0.2)
            if name.endswith("weight"):  # of a norm
                value = (1 + value).to(torch.bfloat16).float()
        parameter.data.copy_(value)
    return model.eval().requires_grad_(False)


def generated_values(name, shape):
    """The weights called `name`: 8 random bits of splitmix64 each, in a range that suits the layer."""
    mask = (1 << 64) - 1
    seed = 0xCBF29CE484222325
    for byte in name.encode():  # FNV-1a
        seed = ((seed ^ byte) * 0x100000001B3) & mask
    count = int(numpy.prod(shape, dtype=numpy.int64))
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    unit = ((z >> numpy.uint64(56)).astype(numpy.int64) - 128) / 128.0  # uniform in [-1, 1)
    if len(shape) > 1:
        fan_in = count // shape[0]
        values = unit * 2.0 ** math.ceil(-math.log2(fan_in) / 2)
    elif name.endswith("weight"):  # of a norm
        values = 1 + numpy.floor(unit * 16) / 64
    else:
        values = unit / 4
    return torch.from_numpy(values).float().reshape(shape)


def weights_of(model):
    """What a checkpoint holds: parameters, and tables that are no parameters (sd3's positions)."""
    saved = model.state_dict().keys()
    return dict(model.named_parameters()) | {name: b for name, b in model.named_buffers() if name in saved}


def generate_weights(model):
    for name, weight in weights_of(model).items():
        weight.data.copy_(generated_values(name, tuple(weight.shape)))
    return model.eval().requires_grad_(False)


def save_generated(folder, model, case, config=None):
    """A fixture without weights. `model` went through generate_weights; `config`: of a model that does
    not write its own."""
    folder.mkdir(parents=True)
    if config is None:
        config = json.loads(model.config.to_json_string() if hasattr(model.config, "to_json_string") else model.to_json_string())
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    shapes = {name: list(weight.shape) for name, weight in weights_of(model).items()}
    (folder / "parameters.json").write_text(json.dumps(dict(sorted(shapes.items()))) + "\n")
    safetensors.torch.save_file({k: v.contiguous() for k, v in case.items()}, folder / "case.safetensors")


def relative_error(value, reference):
    return ((value.double() - reference).norm() / reference.norm()).item()


def in_dtype(value, dtype):
    return value.to(dtype) if torch.is_tensor(value) and value.is_floating_point() else value


def reference(model, run, inputs):
    """{name: tensor} = run(model, **inputs) in fp64, with the error of the same in bf16."""
    exact = run(copy.deepcopy(model).double(), **{k: in_dtype(v, torch.float64) for k, v in inputs.items()})
    rough = run(copy.deepcopy(model).bfloat16(), **{k: in_dtype(v, torch.bfloat16) for k, v in inputs.items()})
    case = {}
    for name, value in exact.items():
        case[name] = value.float().contiguous()
        case[name + ".bf16_error"] = torch.tensor(relative_error(rough[name], value), dtype=torch.float32)
    return case


def channels_last(x):
    """[n, c, h, w] (or with frames before h) to the layout the C++ side uses."""
    return x.movedim(1, -1).contiguous()


def save(folder, model, case, rename=None):
    """`rename`, if given, maps the checkpoint's names to what the file shall use."""
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    if rename is not None:
        (file,) = folder.glob("*.safetensors")
        tensors = safetensors.torch.load_file(file)
        safetensors.torch.save_file({rename(k): v for k, v in tensors.items()}, file)
    for extra in set(folder.iterdir()) - set(folder.glob("*.safetensors")) - {folder / "config.json"}:
        extra.unlink()
    safetensors.torch.save_file(case, folder / "case.safetensors")


def difference(made, committed):
    """One line about the first difference between two fixture folders, or None."""
    names = sorted(str(p.relative_to(made)) for p in made.rglob("*") if p.is_file())
    present = sorted(str(p.relative_to(committed)) for p in committed.rglob("*") if p.is_file())
    if names != present:
        return f"files {present}, the oracle makes {names}"
    for name in names:
        if name.endswith(".json"):
            if json.loads((made / name).read_text()) != json.loads((committed / name).read_text()):
                return f"{name} differs"
            continue
        ours, theirs = (safetensors.torch.load_file(folder / name) for folder in (made, committed))
        if ours.keys() != theirs.keys():
            return f"{name}: other tensors"
        for key, value in ours.items():
            if key.endswith(".bf16_error"):
                if not 0.5 < (value / theirs[key]).item() < 2:
                    return f"{name}: {key} is {value.item()}, committed {theirs[key].item()}"
            elif value.shape != theirs[key].shape or relative_error(theirs[key], value.double()) > CHECK_TOLERANCE:
                return f"{name}: {key} differs"
    return None


def main(family, make, description):
    """make(folder) writes the fixtures of `family` into an empty folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing")
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
    target = FIXTURES / family
    with tempfile.TemporaryDirectory() as name:
        made = pathlib.Path(name) / family
        check = parser.parse_args().check
        make(made)
        if check:
            problem = difference(made, target)
            if problem:
                sys.exit(f"fixtures/models/{family}: {problem}")
            print(f"fixtures/models/{family}: equal to the oracle")
            return
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
