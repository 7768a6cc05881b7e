"""Measure what `kedro run` costs: seconds per node, in all, and peak memory.

The budgets are printed beside the figures and never asserted, because machines differ.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
NODE_LINE = re.compile(r"^ *(?P<seconds>[\d.]+) s  (?P<node>\S+)$")


@dataclass(frozen=True)
class Budget:
    """A command and what it may cost on two cores."""

    arguments: tuple[str, ...]
    seconds: float
    gigabytes: float = 1.5


BUDGETS = (
    Budget((), 200),
    Budget(("--tags", "segmentation"), 40),
    Budget(("--tags", "modelling"), 150),
    Budget(("--tags", "reporting"), 15),
    Budget(("--env", "test", "--tags", "data_processing"), 10),
    Budget(("--env", "test", "--tags", "segmentation"), 8),
    Budget(("--env", "test", "--tags", "modelling"), 15),
)


def read_command(process: int) -> bytes:
    """The command line of a process."""
    return Path("/proc", str(process), "cmdline").read_bytes()


def family_memory(process: int) -> int:
    """Resident bytes of a process and all its descendants; 0 where there is no /proc.

    A child that has not started its own program yet shows its parent's memory, which is not counted
    twice.
    """
    pending, total = [process], 0
    while pending:
        number = pending.pop()
        current = Path("/proc", str(number))
        try:
            command = read_command(number)
            total += 1024 * int(re.findall(r"VmRSS:\s+(\d+)", (current / "status").read_text())[0])
            for children in current.glob("task/*/children"):
                started = (int(child) for child in children.read_text().split())
                pending += [child for child in started if read_command(child) != command]
        except (OSError, IndexError):
            continue  # it ended while we looked
    return total


class PeakMemory(threading.Thread):
    """Looks at the memory of a process ten times a second until it ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.peak = 0

    def run(self) -> None:
        """Keep the largest figure seen."""
        while self.process.poll() is None:
            self.peak = max(self.peak, family_memory(self.process.pid))
            time.sleep(0.1)


def measure(budget: Budget) -> int:
    """Run one command, print what it cost, and return its exit code."""
    command = ["kedro", "run", *budget.arguments]
    print(f"\n{' '.join(command)}")
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    memory = PeakMemory(process)
    memory.start()
    nodes = [
        (float(m["seconds"]), m["node"]) for m in map(NODE_LINE.match, process.stdout or ()) if m
    ]
    code = process.wait()
    seconds = time.perf_counter() - started
    for node_seconds, name in sorted(nodes, reverse=True):
        print(f"  {node_seconds:8.2f} s  {name}")
    print(f"  {seconds - sum(s for s, _ in nodes):8.2f} s  starting and ending")
    print(
        f"  {seconds:8.2f} s  in all, budget {budget.seconds:.0f} s: {seconds / budget.seconds:.0%}"
    )
    peak = memory.peak / 1e9
    print(
        f"  {peak:8.2f} GB at the peak, budget {budget.gigabytes} GB: {peak / budget.gigabytes:.0%}"
    )
    return code


if __name__ == "__main__":
    sys.exit(max(measure(budget) for budget in BUDGETS))
