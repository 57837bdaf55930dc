#!/usr/bin/env python3
"""Runs a test with the Python of tools/setup/serving_tests.txt.

    in_venv.py PYTHON SCRIPT [ARGUMENTS...]

Leaves with 77, which ctest counts as skipped, where ./test has not made that Python yet.
"""
import os
import sys

SKIPPED = 77

if __name__ == "__main__":
    python, arguments = sys.argv[1], sys.argv[2:]
    if not os.access(python, os.X_OK):
        print(f"{python} is not there: run ./test once, it makes it")
        sys.exit(SKIPPED)
    sys.stdout.flush()
    folders = [os.path.dirname(os.path.abspath(__file__)), os.environ.get("PYTHONPATH")]  # served.py
    shared = {"PYTHONPATH": os.pathsep.join(filter(None, folders)),
              "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # schemathesis' own take a second
    os.execve(python, [python, "-B", *arguments], os.environ | shared)
