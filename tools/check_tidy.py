#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build folder; fails on any finding (see .clang-tidy).

usage: check_tidy.py BUILD_FOLDER [PATH_PART...]

A file that includes ATen takes 12 s, nearly all of it spent on ATen's own declarations. So ATen is
precompiled, once, and files of a folder are looked at eight at a time, one after the other in one
source; where that finds anything (two files may use one name), each half by itself. A clean
verdict is kept, under a hash of all that went into it, in the cache folder that all clones share.
Tests and benches are left out.
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
_BATCH = 8
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


def flags(entry):
    words = shlex.split(entry["command"])
    return tuple(words[1:words.index("-o")])


def precompile(entries, build):
    """Gives the commands that use g++'s precompiled header one of clang's, made from the first."""
    made = build / "tidy" / "precompiled.pch"
    using = [entry for entry in entries if _PRECOMPILED.search(entry["command"])]
    if using:
        header = _PRECOMPILED.search(using[0]["command"]).group(1)
        plain = dict(using[0], command=_PRECOMPILED.sub("", using[0]["command"]))
        subprocess.run([CLANG, *flags(plain), "-w", "-x", "c++-header", header, "-o", made],
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


def batches(paths, entries):
    """The files, those of one folder that are compiled alike together, at most _BATCH of them."""
    alike = {}
    for path in paths:
        alike.setdefault((path.parent, flags(entries[path])), []).append(path)
    return [group[at:at + _BATCH] for group in alike.values()
            for at in range(0, len(group), _BATCH)]


def tidy(root, source, entry):
    """What clang-tidy says of one source compiled as `entry` is; nothing where it is clean."""
    done = subprocess.run(
        [TIDY, "--quiet", f"--config-file={root / '.clang-tidy'}", source, "--", *flags(entry)],
        cwd=entry["directory"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def tidy_batch(root, batch, entries, folder):
    """{path: findings}"""
    first, half = batch[0], len(batch) // 2
    if not half:
        return {first: tidy(root, first, entries[first])}
    together = folder / f"{hashlib.sha256(str(batch).encode()).hexdigest()[:16]}.cpp"
    together.write_text("".join(f'#include "{path}"\n' for path in batch))
    if not tidy(root, together, entries[first]):
        return dict.fromkeys(batch, "")
    return (tidy_batch(root, batch[:half], entries, folder) |
            tidy_batch(root, batch[half:], entries, folder))


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

    findings = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for outputs in pool.map(lambda batch: tidy_batch(root, batch, entries, folder),
                                batches(todo, entries)):
            for path, output in outputs.items():
                if output:
                    findings.append(output)
                else:
                    (verdicts / prints[path]).touch()
    return findings


if __name__ == "__main__":
    tree = pathlib.Path(__file__).parents[1]
    sys.exit(source_tree.report(check(tree, pathlib.Path(sys.argv[1]), sys.argv[2:]), "tidy"))
