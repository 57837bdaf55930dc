"""What the checks in this folder share: the files of the tree, and how findings are reported."""
import os
import pathlib
import re
import subprocess
import sys

CODE = (".cpp", ".h", ".cu", ".cuh")
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
_SKIPPED_FOLDERS = {".git", ".cache", "__pycache__"}


def files(root):
    """Paths, relative to `root`, of what git tracks or would track; without git, of all files."""
    root = pathlib.Path(root)
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listed.returncode == 0 and (root / ".git").exists():
        names = sorted(set(filter(None, listed.stdout.decode().split("\0"))))
        return [pathlib.Path(name) for name in names if (root / name).is_file()]
    found = []
    for folder, folders, names in os.walk(root):
        at_top = pathlib.Path(folder) == root
        folders[:] = [f for f in folders
                      if f not in _SKIPPED_FOLDERS and not (at_top and f.startswith("build"))]
        found += [(pathlib.Path(folder) / name).relative_to(root) for name in names]
    return sorted(found)


def code_files(root):
    """Our own C++ and CUDA files under src/ and tests/."""
    return [path for path in files(root)
            if path.suffix in CODE and path.parts[0] in ("src", "tests")]


def lines(root, path):
    """(number, text) of every line; a file that is not text has none."""
    try:
        text = (pathlib.Path(root) / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return list(enumerate(text.splitlines(), start=1))


def includes(root, path):
    """(line number, '<' or '"', name) of every include directive."""
    found = []
    for number, line in lines(root, path):
        match = _INCLUDE.match(line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def report(findings, what):
    """Prints the findings and gives the exit code."""
    for finding in findings:
        print(finding)
    print(f"{what}: {len(findings)} finding(s)" if findings else f"{what}: fine")
    return 1 if findings else 0


def root_argument():
    """The tree to check: the first argument, or the tree this script stands in."""
    return pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
