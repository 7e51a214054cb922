#!/usr/bin/env python3
"""Times two commands that render the same chart, taking turns; prints medians, peak memory and ratios."""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time


def run(command, folder):
    """Wall seconds, CPU seconds and peak KiB of one run."""
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sluice", type=pathlib.Path, required=True)
    parser.add_argument("--helm", type=pathlib.Path, required=True)
    parser.add_argument("--suite", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("cases", nargs="+")
    options = parser.parse_args()
    sluice, helm = str(options.sluice.resolve()), str(options.helm.resolve())
    print(f"{'case':34} {'':8} {'wall ms':>8} {'CPU ms':>8} {'MiB':>6}")
    for name in options.cases:
        case = json.loads((options.suite / "cases" / name / "case.json").read_text())
        flags = [flag.replace("{case}", f"cases/{name}") for flag in case.get("flags", [])]
        flags += [part for file in case.get("valuesFiles", []) for part in ("-f", f"cases/{name}/{file}")]
        rest = ["template", case["release"], case["chart"], "-n", case["namespace"], *flags]
        commands = {"sluice": [sluice, "helm", *rest], "helm": [helm, *rest]}
        found = {who: [] for who in commands}
        for _ in range(options.runs):
            for who, command in commands.items():
                found[who].append(run(command, options.suite))
        medians = {who: [statistics.median(column) for column in zip(*runs)] for who, runs in found.items()}
        for who, (wall, cpu, memory) in medians.items():
            print(f"{name:34} {who:8} {wall * 1e3:8.1f} {cpu * 1e3:8.1f} {memory / 1024:6.1f}")
        ours, theirs = medians["sluice"], medians["helm"]
        wall, cpu, memory = (b / a for a, b in zip(ours, theirs))
        print(f"{name:34} ratio    {wall:7.1f}x {cpu:7.1f}x {memory:5.1f}x")


if __name__ == "__main__":
    main()
