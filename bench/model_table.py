#!/usr/bin/env python3
"""Puts `zoetrope bench model` and its peer side by side.

  model_table.py FOLDER

Reads what h200_families.sh and h200_engine.sh wrote there in one run: NAME.CASE.json of each of our
settings, bf16's with the peer's figures. Writes table.md: the passes, then for each case where its time goes;
and measured.json, all of it in one file.
"""

import argparse
import json
import pathlib

MODES = {"eager": "diffusers", "cudnn": "diffusers, cuDNN attention",
         "compiled": "diffusers, compiled", "fp8": "diffusers, compiled, fp8"}
SHOWN = 6  # operations of a case


def ms(seconds):
    return "" if not seconds else f"{1e3 * seconds:,.1f}"


def gib(size):
    return "" if not size else f"{size / 2**30:.2f}"


def pass_seconds(case):
    return case.get("recorded_seconds") or case["eager_seconds"]


def floor_ms(case):
    return ms(sum(op["floor_seconds"] for op in case["operations"]))


def names_of(ours):
    names = []
    for report in ours.values():
        names += [name for name in report["cases"] if name not in names]
    return names


def passes(ours, peer):
    head = ["case"]
    for precision in ours:
        head += [f"ours, {precision}", "least"]
    modes = [mode for mode in MODES
             if any(f"{mode}_seconds" in case for case in peer["cases"].values())]
    head += [MODES[mode] for mode in modes]
    against = ["difference", "distance", "peer_distance"] if peer["cases"] else []
    head += ["relative difference", "ours from fp32", "diffusers from fp32"][:len(against)]
    head += ["peak GiB, ours", "peak GiB, diffusers", "weights GiB"]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name in names_of(ours):
        row, theirs = [name], peer["cases"].get(name, {})
        for report in ours.values():
            case = report["cases"].get(name)
            row += [ms(pass_seconds(case)), floor_ms(case)] if case else ["", ""]
        row += [ms(theirs.get(f"{mode}_seconds")) for mode in modes]
        row += [f"{theirs[key]:.1e}" if key in theirs else "" for key in against]
        case = next(report["cases"][name] for report in ours.values() if name in report["cases"])
        peaks = [theirs[key] for key in theirs if key.endswith("_peak_bytes")]
        row += [gib(case["peak_bytes"]), gib(peaks[0] if peaks else 0), gib(case["weight_bytes"])]
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def shares(name, precision, case):
    whole = pass_seconds(case)
    eager = case["eager_seconds"]
    lines = [f"### {name}, {precision}: {ms(whole)} ms recorded or alone, {ms(eager)} eager", "",
             "| operation | variant | shapes | calls | ms | share | of best |", "|---|---|---|---:|---:|---:|---:|"]
    inside = 0
    for i, op in enumerate(case["operations"]):
        inside += op["seconds"]
        if i < SHOWN:
            lines.append(f"| {op['op']} | {op['variant']} | {op['shape']} | {op['calls']} | "
                         f"{ms(op['seconds'])} | {op['seconds'] / eager:.0%} | "
                         f"{op['floor_seconds'] / op['seconds']:.0%} |")
    rest = sum(op["seconds"] for op in case["operations"][SHOWN:])
    lines.append(f"| other operations | | | | {ms(rest)} | {rest / eager:.0%} | |")
    lines.append(f"| outside | | | | {ms(max(eager - inside, 0))} | {max(eager - inside, 0) / eager:.0%} | |")
    return "\n".join(lines)


def gather(folder):
    """Settings and the peer, each with all its cases."""
    ours, peer = {}, {"cases": {}}
    for path in sorted(folder.glob("*.*.json"), key=lambda p: p.stat().st_mtime):
        setting, case, _ = path.name.split(".")
        report = json.loads(path.read_text())
        theirs = report.pop("peer", {"cases": {}})
        peer |= theirs | {"cases": peer["cases"] | theirs["cases"]}
        ours.setdefault(setting, report | {"cases": {}})["cases"].update(report["cases"])
    ours = {setting: ours[setting] for setting in sorted(ours)}  # bf16 first
    return ours, peer


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    ours, peer = gather(folder)
    first = next(iter(ours.values()))
    ceilings = first["ceilings"]
    text = [f"# Full-size passes on {first['device']}", "",
            f"{first['date']}, one run. Milliseconds, medians of three; random weights. \"least\" is "
            "the sum over the operations of what the ceilings of the same run allow: a copy at "
            f"{ceilings['copy_bytes_per_second'] / 1e12:.2f} TB/s, a bf16 matrix product at "
            f"{ceilings['flops_per_second'] / 1e12:.0f} TFLOP/s, an fp8 one at "
            f"{ceilings['fp8_flops_per_second'] / 1e12:.0f}. diffusers {peer.get('diffusers', '')} "
            f"with PyTorch {peer.get('torch', '')}; it draws the same weights and inputs, "
            "so that the results can be compared. Both are also held against its result in fp32.", "", passes(ours, peer), "",
            "## Where the time goes", ""]
    for name in names_of(ours):
        for setting, report in ours.items():
            if name in report["cases"]:
                text += [shares(name, setting, report["cases"][name]), ""]
    (folder / "table.md").write_text("\n".join(text))
    (folder / "measured.json").write_text(json.dumps({"ours": ours, "peer": peer}) + "\n")
    print("\n".join(text[:5]))


if __name__ == "__main__":
    main()
