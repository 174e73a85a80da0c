"""The package of examples, beside lookax: found by its entry points, and all that runs do works for what is its own."""

import ast
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lookax_examples.berries import Berries

import lookax as lx
from lookax.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "src" / "lookax_examples"
LOOKAX = [sys.executable, "-c", "import sys; from lookax.cli import main; sys.exit(main())"]


def code_lines(name):
    """Lines with code on them: neither blank, nor comments, nor docstrings."""
    text = (EXAMPLES / f"{name}.py").read_text()
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and line.strip()[0] != "#" and n not in documented for n, line in lines)


@pytest.mark.parametrize(("name", "most"), [("exact_shaping", 12), ("berries", 30), ("consensus", 40)])
def test_examples_are_short(name, most):
    assert code_lines(name) <= most


@pytest.mark.parametrize("name", ["exact_shaping", "lookahead_alone"])
def test_scripts_run(name):
    done = subprocess.run([sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) >= 2


def test_agents_learn_in_a_game_of_ones_own(tmp_path):
    small = ["--batch-size", "8", "--outer-steps", "1", "--inner-steps", "1", "--hidden-size", "4", "--horizon", "4"]
    few = ["--evaluation-games", "4", "--total-updates", "2", "--seeds", "2"]
    assert main(["run", "berries", *small, *few, "--out", str(tmp_path / "run")]) == 0
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert "plugin: lookax_examples.berries" in config
    run = lx.open_run(tmp_path / "run")
    lx.check_game(Berries())
    agent = run.agent(seed=1, player=1)
    assert agent.initial_hidden_state().shape == (4,)
    assert main(["crossplay", str(tmp_path / "run"), "--games", "4", "--out", str(tmp_path / "cross.png")]) == 0
    matches = json.loads((tmp_path / "cross.json").read_text())["matches"]
    assert [(match["first"], match["second"]) for match in matches] == [("berries", "berries")]


def test_a_learner_of_ones_own_survives_being_killed(tmp_path):
    words = ["run", "lola-consensus", "--weight", "0.2", "--seeds", "2", "--total-updates", "2000"]
    words += ["--checkpoint-updates", "100"]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    killed = tmp_path / "killed"
    process = subprocess.Popen([*LOOKAX, *words, "--out", str(killed)], stderr=subprocess.DEVNULL)
    while not any((killed / "checkpoints").glob("[0-9]*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len((killed / "metrics.jsonl").read_text().splitlines()) < 2 * 2001
    assert main(["resume", str(killed)]) == 0
    for file in ("metrics.jsonl", "policies/seed-0.json", "policies/seed-1.json", "table.json"):
        assert (killed / file).read_text() == (tmp_path / "whole" / file).read_text(), file
    assert lx.report([killed, tmp_path / "whole"], out=tmp_path / "page.html").exists()
    assert set(lx.evaluate(killed).quantities) == {"returns", "cooperation", "tit_for_tat"}


def test_fields_of_ones_own_are_swept_on_ray(tmp_path):
    pytest.importorskip("ray")
    results = lx.sweep(
        "lola-consensus", {"weight": [0.0, 0.2]}, seeds=1, total_updates=2, engine="ray", out=tmp_path / "sweep"
    )
    assert results["weight"].tolist() == [0.0, 0.2]
    alone = lx.run("lola-consensus", seeds=1, total_updates=2, weight=0.2, out=tmp_path / "alone")
    assert float(results["returns/1"].iloc[1]) == pytest.approx(float(alone.metrics["returns/1"].iloc[-1]), rel=1e-9)


def test_without_consensus_it_is_lola(tmp_path):
    own = lx.run("lola-consensus", weight=0.0, seeds=1, total_updates=3, out=tmp_path / "own")
    lola = lx.run("ipd-lola", seeds=1, total_updates=3, out=tmp_path / "lola")
    assert own.metrics["returns/1"].to_numpy() == pytest.approx(lola.metrics["returns/1"].to_numpy(), rel=1e-9)
    other = lx.run("lola-consensus", weight=0.3, seeds=1, total_updates=3, out=tmp_path / "other")
    assert other.metrics["returns/1"].iloc[-1] != pytest.approx(own.metrics["returns/1"].iloc[-1], rel=1e-3)
