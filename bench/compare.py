#!/usr/bin/env python3
"""Builds folders with two programs in turn and prints wall time and peak memory side by side, as a Markdown table.

    compare.py --sluice PROGRAM [--kubectl PROGRAM] NAME=DIR[:RUNS]...

The median of the runs is shown; the programs take turns, so that both see the same machine. Wall time begins before the
process starts and ends when it has ended. Their output must be equal byte for byte, or the comparison fails: being fast at
something else is no merit. Without kubectl, ours is shown alone.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# What starts a process counts as its memory until it is another program, and Python is larger than what is measured here.
# GNU time is small.
TIME = shutil.which("time")


def wall(command):
    """Milliseconds and output of one run."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status = os.waitpid(child, 0)
        took = (time.monotonic() - begun) * 1000
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        return took, out.read()


def peak(command):
    """MiB at the most, of one run."""
    with tempfile.NamedTemporaryFile("r") as told:
        subprocess.run([TIME, "-f", "%M", "-o", told.name, *command], stdout=subprocess.DEVNULL, check=True)
        return int(told.read()) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--kubectl")
    parser.add_argument("cases", nargs="+")
    arguments = parser.parse_args()
    if TIME is None:
        sys.exit("GNU time is missing, which tells the memory: apt-get install time")
    print("| kustomize build of | kubectl ms | sluice ms | times faster | kubectl MiB | sluice MiB | share of memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in arguments.cases:
        name, _, folder = case.partition("=")
        folder, _, runs = folder.partition(":")
        commands = {"sluice": [arguments.sluice, "kustomize", "build", folder]}
        if arguments.kubectl:
            commands["kubectl"] = [arguments.kubectl, "kustomize", folder]
        walls, outputs = {who: [] for who in commands}, {}
        for _ in range(int(runs or 5)):
            for who, command in commands.items():
                took, outputs[who] = wall(command)
                walls[who].append(took)
        if len(set(outputs.values())) > 1:
            sys.exit(f"{name}: the outputs differ")
        took = {who: statistics.median(of) for who, of in walls.items()}
        # A slow program's memory is measured once, a fast one's may vary with its threads.
        most = {who: max(peak(command) for _ in range(1 if took[who] > 5000 else 3)) for who, command in commands.items()}
        if arguments.kubectl:
            print(f"| {name} | {took['kubectl']:.0f} | {took['sluice']:.1f} | {took['kubectl'] / took['sluice']:.1f} "
                  f"| {most['kubectl']:.0f} | {most['sluice']:.1f} | {most['sluice'] / most['kubectl']:.2f} |", flush=True)
        else:
            print(f"| {name} | | {took['sluice']:.1f} | | | {most['sluice']:.1f} | |", flush=True)


main()
