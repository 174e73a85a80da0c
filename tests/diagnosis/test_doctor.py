"""`lookax doctor`, with packages and machines that are made up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lookax as lx
from lookax.cli import main
from lookax.diagnosis import doctor as doctor_module
from lookax.diagnosis import machine
from lookax.diagnosis.doctor import Diagnosis
from lookax.diagnosis.findings import Finding, Section
from lookax.diagnosis.machine import cache_folder, diagnose_cache, diagnose_devices, diagnose_disk
from lookax.diagnosis.packages import Package, diagnose_packages, installed_packages, required_by_lookax

REQUIRED = (
    "jax>=0.10.0",
    "numpy>=2.1",
    'gymnax>=1.0; extra == "gymnax"',
    'six>=1.16; extra == "gymnax"',
    'lookax[gymnax]; extra == "minatar"',
    'jax[cuda12]>=0.10.0; extra == "cuda12"',
    'wandb>=0.22; extra == "wandb"',
    'tomli>=2; python_version < "3.0"',
    "not a requirement at all >>",
)
JAX = ("jaxlib<=0.10.2,>=0.10.1", 'jax-cuda12-plugin<=0.10.2,>=0.10.2; extra == "cuda12"')
SOUND = {"jax": Package("jax", "0.10.2", JAX), "jaxlib": Package("jaxlib", "0.10.2"), "numpy": Package("numpy", "2.4")}


def packages(*changed: Package, without=()):
    own = SOUND | {package.name: package for package in changed}
    return {name: package for name, package in own.items() if name not in without}


def diagnosed(*changed: Package, without=()):
    return Diagnosis(diagnose_packages(packages(*changed, without=without), REQUIRED))


def test_a_sound_installation():
    found = diagnosed()
    assert found.findings == []
    assert found.healthy
    by_title = {section.title: list(section.lines) for section in found.sections}
    assert by_title["packages"] == ["jax 0.10.2", "numpy 2.4", "jaxlib 0.10.2"]
    assert by_title["extras"] == [f"{extra}: not installed" for extra in ("cuda12", "gymnax", "minatar", "wandb")]
    assert by_title["versions"] == ["3 packages compared with what they ask of each other"]
    assert str(found).endswith("Nothing is wrong.")


def test_extras_in_whole_and_in_part():
    by_title = {section.title: section.lines for section in diagnosed(Package("gymnax", "1.0.1")).sections}
    assert by_title["extras"][1:3] == ["gymnax: gymnax 1.0.1; six missing", "minatar: gymnax 1.0.1; six missing"]
    whole = diagnosed(Package("gymnax", "1.0.1"), Package("six", "1.17"), Package("jax-cuda12-plugin", "0.10.2"))
    assert whole.sections[1].lines[:2] == ["cuda12: jax-cuda12-plugin 0.10.2", "gymnax: gymnax 1.0.1, six 1.17"]
    assert whole.findings == []


@pytest.mark.parametrize(
    ("changed", "without", "what", "mend"),
    [
        ([], ["numpy"], "lookax needs numpy, which is not installed", 'pip install "numpy>=2.1"'),
        ([Package("jax", "0.9.1")], (), "lookax asks for jax>=0.10.0, and 0.9.1 is installed", "jax>=0.10.0"),
        (
            [Package("jaxlib", "0.12.0")],
            (),
            "jax 0.10.2 asks for jaxlib<=0.10.2,>=0.10.1, and 0.12.0",
            "jaxlib<=0.10.2",
        ),
        ([], ["jaxlib"], "jax 0.10.2 needs jaxlib, which is not installed", "pip install"),
        ([Package("wandb", "0.1")], (), "lookax asks for wandb>=0.22, and 0.1 is installed", "wandb>=0.22"),
        (
            [Package("jax-cuda12-plugin", "0.10.2"), Package("jax-cuda13-plugin", "0.10.2")],
            (),
            "JAX has plugins for CUDA 12 and 13, of which it can load one",
            "pip uninstall jax-cuda12-plugin ",
        ),
        (
            [Package("jax-cuda12-pjrt", "0.10.1")],
            (),
            "jax-cuda12-pjrt 0.10.1 is not of the version of jaxlib 0.10.2",
            'pip install "jax-cuda12-pjrt==0.10.2"',
        ),
        ([Package("numpy", "2.4", ("other-thing>=1",))], (), "numpy 2.4 needs other-thing", "other-thing>=1"),
    ],
)
def test_what_is_wrong_is_said_with_how_to_mend_it(changed, without, what, mend):
    found = diagnosed(*changed, without=without)
    [finding] = found.findings
    assert finding.what.startswith(what)
    assert mend in finding.mend
    assert finding.wrong
    assert not found.healthy
    assert f"WRONG: {finding.what}\n  mend: {finding.mend}\n" in str(found)


def test_gymnax_may_stand_beside_a_jax_that_it_forbids():
    newest = Package("jax", "0.12.0.1", ("jaxlib<=0.12.0.1,>=0.12",))
    found = diagnosed(
        newest, Package("jaxlib", "0.12.0.1"), Package("six", "1.17"), Package("gymnax", "1.0.1", ("jax<0.12,>=0.6",))
    )
    [finding] = found.findings
    assert "gymnax 1.0.1 asks for jax<0.12,>=0.6, and 0.12.0.1 is installed; lookax' tests pass" in finding.what
    assert found.healthy
    other = diagnosed(newest, Package("jaxlib", "0.12.0.1"), Package("numpy", "2.4", ("jax<0.12",)))
    assert not other.healthy


def test_a_later_build_of_a_plugin_fits():
    assert diagnosed(Package("jax-cuda12-pjrt", "0.10.2.post1")).findings == []


def test_what_is_not_installed_by_lookax_does_not_matter():
    assert diagnosed(Package("stranger", "1", ("jax<0.1", "missing"))).findings == []


def test_an_installation_of_which_nothing_is_known():
    [finding] = Diagnosis(diagnose_packages({}, ())).findings
    assert "what lookax needs is not known" in finding.what


def test_metadata_of_this_environment_is_read():
    found = installed_packages()
    assert {"jax", "jaxlib", "orbax-checkpoint"} <= set(found)
    required = required_by_lookax(found)
    assert any(own.startswith("jax>=") for own in required)
    assert any(own.startswith("wandb") and "extra" in own for own in required)


def test_sources_say_themselves_what_they_need():
    if not (Path(lx.__file__).parents[2] / "pyproject.toml").exists():
        pytest.skip("lookax does not run from its sources")
    assert required_by_lookax({}) == required_by_lookax(installed_packages())


def test_damaged_metadata_is_left_out(tmp_path, monkeypatch):
    for name, text in (("good-1.0", "Name: good\nVersion: 1.0\n"), ("bad-1.0", "Version: 1.0\n"), ("empty-1", None)):
        (tmp_path / f"{name}.dist-info").mkdir()
        if text is not None:
            (tmp_path / f"{name}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\n{text}")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installed_packages() == {"good": Package("good", "1.0")}


def answers(*, smi=None, jax=None):
    def run(command):
        if command[0] == "nvidia-smi":
            if smi is None:
                raise FileNotFoundError
            return smi
        if isinstance(jax, Exception):
            raise jax
        return f"a warning\n{json.dumps(jax)}\n"

    return run


@pytest.mark.parametrize(
    ("driver", "devices", "names", "finding"),
    [
        (None, ["cpu: cpu"], (), None),
        ("H200, 580.1\n", ["gpu: H200"], ("jax-cuda13-plugin",), None),
        ("H200, 580.1\n", ["cpu: cpu"], ("jax-cuda13-plugin",), ("JAX sees no GPU, though jax-cuda13-plugin", True)),
        ("H200, 580.1\n", ["cpu: cpu"], (), ("cuda13", False)),
        ("V100, 530.1\n", ["cpu: cpu"], (), ("cuda12", False)),
        (
            None,
            subprocess.CalledProcessError(1, "x", stderr="Trace\nImportError: no jaxlib\n"),
            (),
            ("no jaxlib", True),
        ),
        (None, subprocess.CalledProcessError(-11, "x", stderr=""), (), ("exit status -11", True)),
        (None, subprocess.TimeoutExpired("x", 1), (), ("JAX does not start (TimeoutExpired)", True)),
        (None, FileNotFoundError(), (), ("JAX does not start", True)),
    ],
)
def test_devices(driver, devices, names, finding, monkeypatch):
    for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    section = diagnose_devices(dict.fromkeys(names), answers(smi=driver, jax=devices))
    if finding is None:
        assert not section.findings
        assert section.lines[-1] == devices[0]
    else:
        [own] = section.findings
        assert finding[0] in f"{own.what} {own.mend}"
        assert own.wrong == finding[1]


@pytest.mark.parametrize(
    ("variable", "value", "mend", "wrong"),
    [
        ("JAX_PLATFORMS", "cpu", "unset JAX_PLATFORMS", False),
        ("JAX_PLATFORM_NAME", "CPU", "unset JAX_PLATFORM_NAME", False),
        ("CUDA_VISIBLE_DEVICES", "", "unset CUDA_VISIBLE_DEVICES", False),
        ("CUDA_VISIBLE_DEVICES", "-1", "unset CUDA_VISIBLE_DEVICES", False),
        ("JAX_PLATFORMS", "cuda,cpu", "says why", True),
        ("JAX_PLATFORMS", "", "says why", True),
        ("CUDA_VISIBLE_DEVICES", "0", "says why", True),
    ],
)
def test_what_hides_a_gpu_is_named(variable, value, mend, wrong, monkeypatch):
    for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    run = answers(smi="H200, 580.1\n", jax=["cpu: cpu"])
    [finding] = diagnose_devices({"jax-cuda13-plugin": None}, run).findings
    assert finding.mend.endswith(mend)
    assert finding.wrong == wrong
    assert (f"{variable}={value!r} hides it" in finding.what) != wrong


def test_a_plugin_that_does_not_suit_the_driver(monkeypatch):
    for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    run = answers(smi="V100, 530.1\n", jax=["cpu: cpu"])
    [finding] = diagnose_devices({"jax-cuda13-plugin": None}, run).findings
    assert "pip uninstall jax-cuda13-plugin" in finding.mend
    assert 'pip install -e ".[cuda12]"' in finding.mend


def test_a_cache_in_a_bucket_is_not_looked_into(monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "gs://bucket/cache")
    assert diagnose_cache(cache_folder()).lines == ["gs://bucket/cache: not looked into"]


def test_the_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    assert "nothing yet" in diagnose_cache(tmp_path / "none").lines[0]
    for name, content in (("a-cache", b"whole"), ("b-cache", b"cut"), ("c-atime", b"cut")):
        (tmp_path / name).write_bytes(content)
    section = diagnose_cache(tmp_path, lambda entry: entry == b"cut")
    assert section.lines == [f"{tmp_path}: 2 programs, 0 MB"]
    [finding] = section.findings
    assert finding == Finding("1 of them end too early", "the next command removes them", wrong=False)
    monkeypatch.setattr(machine, "MOST_READ", 5)
    assert "1 of them not checked" in diagnose_cache(tmp_path, lambda entry: False).lines

    def broken(entry):
        raise ImportError

    assert diagnose_cache(tmp_path, broken).lines[-1] == "not checked (ImportError)"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert diagnose_cache(tmp_path, lambda entry: False).findings[0].wrong


def test_the_cache_is_where_commands_keep_it(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lookax" / "xla"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"


def test_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "LEAST_FREE", 0)
    assert diagnose_disk([tmp_path, tmp_path / "not" / "yet"]).findings == []
    monkeypatch.setattr(machine, "LEAST_FREE", 2**80)
    assert [own.wrong for own in diagnose_disk([tmp_path]).findings] == [True]
    monkeypatch.setattr(machine, "LEAST_FREE", 0)

    def refuse(folder):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(machine, "_lock", refuse)
    [finding] = diagnose_disk([tmp_path]).findings
    assert "cannot be locked (Operation not supported)" in finding.what


@pytest.mark.parametrize("wrong", [False, True])
def test_the_command_says_all_of_it(wrong, monkeypatch, capsys):
    section = Section("devices", ["cpu: cpu"], [Finding("a note", wrong=False), Finding("a fault", "mend it", wrong)])
    monkeypatch.setattr(doctor_module, "diagnose_devices", lambda names: section)
    monkeypatch.setattr(doctor_module, "diagnose_cache", lambda folder: Section("cache", []))
    monkeypatch.setattr("lookax.diagnosis.packages.diagnose_packages", lambda *given: [])
    assert main(["doctor"]) == int(wrong)
    printed = capsys.readouterr().out
    assert f"lookax {lx.__version__} in {Path(lx.__file__).parent}" in printed
    assert "devices\n  cpu: cpu\n" in printed
    assert printed.endswith("Something is wrong; see above.\n" if wrong else "Nothing is wrong.\n")
    assert main(["doctor", "word"]) == 2


def test_it_runs_where_jax_and_all_else_are_broken(tmp_path):
    for name in ("jax", "equinox", "rich", "tyro", "yaml", "numpy", "orjson", "gymnax", "packaging"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('broken on purpose')")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "lookax.diagnosis"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 1, done.stderr
    assert "WRONG: JAX does not start: ImportError: broken on purpose" in done.stdout
    assert 'WRONG: broken on purpose\n  mend: pip install "packaging"' in done.stdout
