#!/usr/bin/env python3
"""Builds folders with two programs in turn and prints wall time and peak memory side by side, as a Markdown table.

    compare.py --sluice PROGRAM --kubectl PROGRAM NAME=DIR[:RUNS]...

The median of the runs is shown; the programs take turns, so that both see the same machine. Their output must be equal
byte for byte, or the comparison fails: being fast at something else is no merit.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def measure(command):
    """Wall milliseconds, peak MiB and output of one run."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall = (time.monotonic() - begun) * 1000
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {child.returncode}")
        out.seek(0)
        return wall, usage.ru_maxrss / 1024, out.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("cases", nargs="+")
    arguments = parser.parse_args()
    print("| kustomize build of | kubectl ms | sluice ms | times faster | kubectl MiB | sluice MiB | share of memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in arguments.cases:
        name, _, folder = case.partition("=")
        folder, _, runs = folder.partition(":")
        commands = {
            "kubectl": [arguments.kubectl, "kustomize", folder],
            "sluice": [arguments.sluice, "kustomize", "build", folder],
        }
        walls, peaks, outputs = ({who: [] for who in commands} for _ in range(3))
        for _ in range(int(runs or 5)):
            for who, command in commands.items():
                wall, peak, output = measure(command)
                walls[who].append(wall)
                peaks[who].append(peak)
                outputs[who] = output
        if outputs["kubectl"] != outputs["sluice"]:
            sys.exit(f"{name}: the outputs differ")
        wall = {who: statistics.median(of) for who, of in walls.items()}
        peak = {who: statistics.median(of) for who, of in peaks.items()}
        print(f"| {name} | {wall['kubectl']:.0f} | {wall['sluice']:.1f} | {wall['kubectl'] / wall['sluice']:.1f} "
              f"| {peak['kubectl']:.0f} | {peak['sluice']:.1f} | {peak['sluice'] / peak['kubectl']:.2f} |", flush=True)


main()
