#!/usr/bin/env python3
"""Fails on what a reader of one line can see is against the rules of HACKING.md.

Banned includes; words of parallel execution in src/models; files too long; paths of one machine
or hosts of package registries in anything the repository holds; headers that name torch's types
without including them.
"""
import pathlib
import re
import sys

import source_tree

BANNED_INCLUDES = re.compile(r"torch/(torch|extension)\.h$|torch/nn(/|\.h$)|torch/csrc/api/include/")
PARALLEL_WORDS = re.compile(r"\b(rank|world_size|Group)\b")
TORCH_NAMES = re.compile(r"^(?!\s*//).*\b(at|c10|torch)::")

SOFT_LINES, HARD_LINES = 400, 800
COUNTED = source_tree.CODE + (".py", ".sh", ".cmake")

# Written in pieces so that this file does not contain what it looks for.
_PLACES = ("/wor" "k/", "/far" "m/", "/roo" "t/", r"/home/" r"\w", r"files\.python" "hosted",
           r"pyp" r"i\.org", r"deb\." r"debian\.org", r"archive\." r"ubuntu\.com")
MACHINE_PLACES = re.compile("|".join(_PLACES))


def banned_includes(root):
    return [f"{path}:{number}: {name} is banned: it costs 20 s a file; take ATen/ATen.h"
            for path in source_tree.code_files(root)
            for number, _, name in source_tree.includes(root, path)
            if BANNED_INCLUDES.search(name)]


def parallel_words(root):
    return [f"{path}:{number}: a model does not know how it is spread: {match.group()}"
            for path in source_tree.code_files(root) if path.parts[:2] == ("src", "models")
            for number, line in source_tree.lines(root, path)
            if (match := PARALLEL_WORDS.search(line))]


def reaches_torch(root, path, seen):
    """Whether the file includes a header of torch, itself or through our own headers."""
    if path in seen or not (root / path).is_file():
        return False
    seen.add(path)
    return any(name.split("/")[0] in ("ATen", "c10", "torch") or
               reaches_torch(root, pathlib.Path("src") / name, seen)
               for _, _, name in source_tree.includes(root, path))


def torch_by_luck(root):
    """The precompiled header would let such a header compile; this keeps it honest without."""
    return [f"{path}: names torch's types but includes none of its headers"
            for path in source_tree.code_files(root) if path.suffix == ".h"
            if any(TORCH_NAMES.search(line) for _, line in source_tree.lines(root, path))
            and not reaches_torch(root, path, set())]


def long_files(root):
    """(errors, warnings). In src/models even the soft limit is an error, tests apart."""
    errors, warnings = [], []
    for path in source_tree.files(root):
        if path.suffix not in COUNTED:
            continue
        count = len(source_tree.lines(root, path))
        is_model = path.parts[:2] == ("src", "models") and "_test" not in path.name
        limit = SOFT_LINES if is_model else HARD_LINES
        if count > limit:
            errors.append(f"{path}: {count} lines, the limit is {limit}: split it by idea")
        elif count > SOFT_LINES:
            warnings.append(f"warning: {path}: {count} lines, more than {SOFT_LINES}")
    return errors, warnings


def machine_places(root):
    return [f"{path}:{number}: names a place of one machine or a registry: {match.group()}"
            for path in source_tree.files(root) if path.suffix != ".lock"
            for number, line in source_tree.lines(root, path)
            if (match := MACHINE_PLACES.search(line))]


def check(root):
    root = pathlib.Path(root)
    errors, warnings = long_files(root)
    print("\n".join(warnings), end="\n" if warnings else "")
    return (banned_includes(root) + parallel_words(root) + torch_by_luck(root) + errors +
            machine_places(root))


if __name__ == "__main__":
    sys.exit(source_tree.report(check(source_tree.root_argument()), "rules"))
