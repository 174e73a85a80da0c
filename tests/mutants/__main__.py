"""Applies every mutant to a copy of the library, and runs tests until one fails; exit status 1 if none does for some.

In the end the tests that failed have to pass without a mutant.

python -m tests.mutants [WORDS …]: those whose file or description contains one of the words; all without any.
"""

import concurrent.futures
import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutant import SOURCES, TESTS, Mutant, all_mutants

SECONDS = 900
"""A mutant whose tests take longer hangs, which is noticed too."""

SECOND = itertools.count(1_000_000_000)

NO_END = f"{SECONDS} s without an end"


def run_tests(sources: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Pytest with the library in a folder, until the first failure."""
    environment = os.environ | {
        "PYTHONPATH": str(sources),
        "JAX_COMPILATION_CACHE_DIR": str(sources.parent / "programs"),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *(str(TESTS / t) for t in tests)]
    return subprocess.run(
        command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def write(path: Path, text: str) -> None:
    """Writes a version of a source file.

    Python tells bytecode's source by its size and the second of its change; every version gets a second of its own.
    """
    path.write_text(text)
    second = next(SECOND)
    os.utime(path, (second, second))


def killer(mutant: Mutant, sources: Path) -> str | None:
    """The test that fails with the mutant, `None` if none does.

    **Raises:** `RuntimeError` where tests could not be run.
    """
    path = sources / "lookax" / mutant.file
    original = path.read_text()
    write(path, mutant.applied_to(original))
    try:
        for tests in (mutant.tests, (mutant.room,)):
            try:
                done = run_tests(sources, tests)
            except subprocess.TimeoutExpired:
                # Killed as it wrote, it may have left half a program.
                shutil.rmtree(sources.parent / "programs", ignore_errors=True)
                return NO_END
            failed = re.search(r"^FAILED tests/(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
            if done.returncode == 1 and failed:
                return failed[1]
            if done.returncode != 0:
                raise RuntimeError(f"{mutant.what}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    finally:
        write(path, original)
    return None


def main(words: Sequence[str], workers: int = 2) -> int:
    mutants = [m for m in all_mutants() if not words or any(word in f"{m.file} {m.what}" for word in words)]
    survivors, killers = [], set()
    with tempfile.TemporaryDirectory() as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(workers):
            copy = Path(folder) / str(number)
            shutil.copytree(SOURCES / "lookax", copy / "lookax", ignore=shutil.ignore_patterns("__pycache__"))
            copies.put(copy)

        def tried(mutant: Mutant) -> tuple[str | None, float]:
            copy = copies.get()
            began = time.perf_counter()
            try:
                return killer(mutant, copy), time.perf_counter() - began
            finally:
                copies.put(copy)

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for mutant, (test, seconds) in zip(mutants, pool.map(tried, mutants), strict=True):
                print(f"{mutant.file}: {mutant.what}\n    {test or 'SURVIVES'} ({seconds:.0f} s)", flush=True)
                if test is None:
                    survivors.append(mutant)
                else:
                    killers.add(test)

        sound = run_tests(Path(folder) / "0", sorted(killers - {NO_END})) if killers - {NO_END} else None
        if sound is not None and sound.returncode != 0:
            print(sound.stdout)
            print("These tests fail without a mutant, too.")
            return 2
    print(f"killed {len(mutants) - len(survivors)} of {len(mutants)}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
