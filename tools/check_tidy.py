#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build folder; fails on any finding (see .clang-tidy).

usage: check_tidy.py BUILD_FOLDER [PATH_PART...]

A file that includes ATen takes 12 s, half of it with ATen precompiled, which is done once here. A
clean verdict is kept, under a hash of all that went into it, in the cache folder that all clones
share. Tests and benches are left out.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import source_tree

CLANG = "clang++-14"
TIDY = "clang-tidy-14"
# What g++ precompiled clang can neither read nor look past: it gets its own.
_PRECOMPILED = re.compile(r"-Winvalid-pch -include (\S+\.hxx)")


def commands(root, build):
    """{source: compile command clang understands} for the folder's own sources under src/."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["file"])
        in_src = path.suffix == ".cpp" and path.is_relative_to(root / "src")
        if in_src and not path.stem.endswith(("_test", "_bench")):
            command = entry["command"].replace("-fpch-preprocess", "")
            found[path] = dict(entry, command=command)
    return found


def precompile(entries, build):
    """Gives the commands that use g++'s precompiled header one of clang's, made from the first."""
    made = build / "tidy" / "precompiled.pch"
    using = [entry for entry in entries if _PRECOMPILED.search(entry["command"])]
    if using:
        header = _PRECOMPILED.search(using[0]["command"]).group(1)
        words = shlex.split(_PRECOMPILED.sub("", using[0]["command"]))
        flags = words[1:words.index("-o")]
        subprocess.run([CLANG, *flags, "-w", "-x", "c++-header", header, "-o", made],
                       cwd=using[0]["directory"], check=True)
    for entry in using:
        entry["command"] = _PRECOMPILED.sub(f"-include-pch {made}", entry["command"])


def own_headers(root, path, seen):
    """Adds to `seen` the file and every file of src/ it includes, directly or not."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for _, kind, name in source_tree.includes(root, path):
        if kind == '"':
            own_headers(root, root / "src" / name, seen)


def fingerprint(root, path, entry):
    seen = set()
    own_headers(root, path, seen)
    digest = hashlib.sha256(entry["command"].replace(str(root), "").encode())
    for part in [root / ".clang-tidy", *sorted(seen)]:
        digest.update(part.read_bytes())
    return digest.hexdigest()


def run(path, folder):
    done = subprocess.run([TIDY, "--quiet", "-p", folder, path], capture_output=True, text=True,
                          check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def check(root, build, parts=()):
    """Findings in the sources of `build` whose path holds one of `parts` (none: in all)."""
    root, build = root.resolve(), build.resolve()
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    verdicts = cache / "zoetrope/tidy" / hashlib.sha256(version).hexdigest()[:8]
    verdicts.mkdir(parents=True, exist_ok=True)
    folder = build / "tidy"
    folder.mkdir(exist_ok=True)

    entries = commands(root, build)
    prints = {path: fingerprint(root, path, entry) for path, entry in entries.items()
              if not parts or any(part in str(path) for part in parts)}
    todo = [path for path in prints if not (verdicts / prints[path]).exists()]
    print(f"tidy: {len(prints)} files, {len(todo)} of them new", flush=True)
    precompile([entries[path] for path in todo], build)
    (folder / "compile_commands.json").write_text(json.dumps(list(entries.values())))

    findings = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, output in zip(todo, pool.map(lambda path: run(path, folder), todo)):
            if output:
                findings.append(output)
            else:
                (verdicts / prints[path]).touch()
    return findings


if __name__ == "__main__":
    tree = pathlib.Path(__file__).parents[1]
    sys.exit(source_tree.report(check(tree, pathlib.Path(sys.argv[1]), sys.argv[2:]), "tidy"))
