"""What `benchmarks/gpu.sh` writes: a file that is whole after every measurement, whatever happens to one of them."""

import json
import sys
import time

import pytest

from benchmarks import gpu, gpu_cases
from lookax import __version__

WRITES = "import json, sys; json.dump({'value': 2.5}, open(sys.argv[-1], 'w'))"


def measurement(name, program, limit=30.0):
    return gpu.Measurement(name, (sys.executable, "-c", program), limit)


def test_what_fails_or_takes_too_long_leaves_the_others(tmp_path, capsys):
    file = tmp_path / "gpu.json"
    began = time.monotonic()
    gpu.measure_all(
        [
            measurement("fails", WRITES + "; raise OSError('no such device')"),
            measurement("hangs", WRITES + "; import time; time.sleep(60)", limit=1.5),
            measurement("silent", "pass"),
            measurement("works", WRITES),
        ],
        file,
        budget=60.0,
        small=True,
    )
    assert time.monotonic() - began < 30
    written = json.loads(file.read_text())
    assert written["about"]["small"]
    found = written["measurements"]
    assert list(found) == ["fails", "hangs", "silent", "works"]
    assert "exit status 1" in found["fails"]["missing"]
    assert "no such device" in found["fails"]["missing"]
    assert "longer than" in found["hangs"]["missing"]
    assert found["silent"]["missing"] == "nothing was found"
    assert "missing" not in found["works"]
    # What was found before it was stopped is kept.
    assert [found[name]["value"] for name in ("fails", "hangs", "works")] == [2.5, 2.5, 2.5]
    assert capsys.readouterr().out.count("MISSING") == 3


def test_what_a_stopped_measurement_has_started_is_stopped_too(tmp_path):
    alive = tmp_path / "alive"
    child = f"import time; time.sleep(3); open({str(alive)!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert "missing" in gpu.measured(measurement("starts another", program), 1.0)
    time.sleep(3)
    assert not alive.exists()


def test_the_file_is_written_after_each_measurement_and_the_budget_is_for_all(tmp_path):
    file = tmp_path / "gpu.json"
    copies = f"{WRITES}; import pathlib, shutil; shutil.copy({str(file)!r}, {str(tmp_path / 'so-far.json')!r})"
    first, second, third = measurement("first", WRITES), measurement("second", copies), measurement("third", WRITES)
    gpu.measure_all([first, second], file, budget=30.0)
    assert list(json.loads((tmp_path / "so-far.json").read_text())["measurements"]) == ["first"]
    found = gpu.measure_all([measurement("hangs", "import time; time.sleep(60)"), third], file, budget=1.5)
    assert "longer than" in found["measurements"]["hangs"]["missing"]
    assert found["measurements"]["third"] == {"missing": "not reached within 1.5 s"}


def test_the_smallest_measurement(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    file = tmp_path / "gpu.json"
    gpu.main([str(file), "--small", "--only", "device"])
    written = json.loads(file.read_text())
    assert set(written["about"]) == {"date", "small", "budget_seconds", "versions", "seconds"}
    assert written["about"]["versions"]["lookax"] == __version__
    assert list(written["measurements"]) == ["device"]
    device = written["measurements"]["device"]
    assert "missing" not in device
    assert device["platform"] == "cpu"


def test_all_cases_have_a_limit_and_their_tests_exist():
    assert set(gpu.LIMITS) == set(gpu_cases.CASES)
    for test in gpu_cases.TESTS:
        path, name = test.split("::")
        assert f"def {name}(" in (gpu_cases.ROOT / "tests" / path).read_text()


def test_without_a_gpu_it_is_refused_unless_it_is_small(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        gpu.main([str(tmp_path / "gpu.json")])
    assert stopped.value.code == 2
    assert "JAX finds no GPU here; --small tries the script on any machine" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
