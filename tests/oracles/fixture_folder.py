"""What the scripts have in common that write whole folders of tests/fixtures byte for byte."""

import argparse
import filecmp
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"


def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def check_fixtures(name, make):
    """Makes fixtures/`name` again elsewhere; exits with an error if the committed one differs."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        make(folder)
        wanted, committed = files_of(folder), files_of(FIXTURES / name)
        if wanted != committed:
            sys.exit(f"fixtures/{name} holds {committed}, the oracle makes {wanted}")
        _, different, errors = filecmp.cmpfiles(folder, FIXTURES / name, wanted, shallow=False)
        if different or errors:
            sys.exit(f"fixtures/{name} differs from the oracle: {different + errors}")
    print(f"fixtures/{name}: {len(wanted)} files equal")


def main(doc, name, make, check_more=lambda: None):
    """The command line: writes fixtures/`name` with make(folder), or, with --check, compares."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if parser.parse_args().check:
        check_fixtures(name, make)
        check_more()
    else:
        (FIXTURES / name).mkdir(parents=True, exist_ok=True)
        make(FIXTURES / name)
