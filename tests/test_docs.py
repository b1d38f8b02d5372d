"""The code in the documents runs as it is printed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(document):
    """Return the Python blocks of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run(*args, cwd=ROOT):
    """Run Python in a process of its own, warnings being errors, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme(tmp_path):
    lines = run("-c", blocks("README.md")[0], cwd=tmp_path).splitlines()
    assert any("longest loop" in line for line in lines)
    assert lines[-1].startswith("Diagram(")


def test_the_service_of_the_readme(tmp_path):
    lines = run("-c", blocks("README.md")[1], cwd=tmp_path).splitlines()
    assert any("scale_4000ms  longest loop [[0.02" in line for line in lines)


def test_the_window_of_the_readme(tmp_path):
    check = "print(again, again.diagram()[1].tolist() == diagram[1].tolist())"
    lines = run("-c", f"{blocks('README.md')[2]}\n{check}", cwd=tmp_path).splitlines()
    # which way was taken depends on what the machine is fast at
    assert all(re.match(r"(rebuild|update) \d+ Changes\(H0: ", line) for line in lines[:-1])
    assert len(lines) == 7
    assert lines[-1] == "RipsWindow(400 of 400 points, dim=2) True"


def test_the_features_of_the_readme(tmp_path):
    lines = run("-c", blocks("README.md")[3], cwd=tmp_path).splitlines()
    kinds = [line.split()[2] for line in lines if "update" not in line]
    assert kinds == ["feature_birth", "feature_death", "feature_birth"]


def test_the_feature_vectors_of_the_readme(tmp_path):
    assert run("-c", blocks("README.md")[4], cwd=tmp_path).startswith("(8, 23) ['h1_entropy'")


def test_the_estimate_of_the_readme(tmp_path):
    assert run("-c", blocks("README.md")[5], cwd=tmp_path).startswith("500 points/s of 3 ")


def test_the_tracker(tmp_path):
    lines = run("-c", blocks("docs/tracking.md")[0], cwd=tmp_path).splitlines()
    kinds = [re.search(r"feature_(\w+)", line) for line in lines]
    assert [kind[1] for kind in kinds if kind] == ["birth", "birth", "death", "death"] + 2 * [
        "birth"
    ]
    assert all(line.startswith("Lifeline(scale_") for line in lines[6:])
    assert len(lines) == 8


def test_the_processor(tmp_path):
    example, logs = blocks("docs/processor.md")
    lines = run("-c", example, cwd=tmp_path).splitlines()
    assert "scale_2000ms 3.80 s: loops: 1" in lines
    assert lines[-1] == "{'scale_500ms': (50, 3), 'scale_2000ms': (201, 3)}"
    run("-c", logs, cwd=tmp_path)


def test_the_settings():
    (block,) = blocks("docs/config.md")
    assert run("-c", f"{block}\nprint(stream.settings.scales)") == "(1000, 4000)\n"


def test_the_page_on_the_gpu(tmp_path):
    (block,) = blocks("docs/gpu.md")
    lines = run("-c", block, cwd=tmp_path).splitlines()
    assert lines[-1] == "[[1.        1.4142135]]"


def test_the_page_on_models(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    stream, layer, modules, pipeline = blocks("docs/features_models.md")
    (line,) = run("-c", stream, cwd=tmp_path).splitlines()
    share, n = re.match(r"(\d+)% of (\d+) instants", line).groups()
    assert int(share) > 85
    assert int(n) > 100
    assert run("-c", layer, cwd=tmp_path).startswith("[1.10000")
    assert run("-c", modules, cwd=tmp_path) == "torch.Size([32, 88]) True\n"
    assert run("-c", pipeline, cwd=tmp_path) == "100%\n"


def test_the_page_on_significance(tmp_path):
    (block,) = blocks("docs/significance.md")
    assert re.match(r"\[0\.0\d* .*\] exact\n$", run("-c", block, cwd=tmp_path))


def test_the_output(tmp_path):
    (block,) = blocks("docs/output.md")
    (tmp_path / "a.csv").write_text("t,x,y\n0,0,0\n0.1,0,1\n0.2,1,1\n0.3,1,0\n")
    options = ("--time-column", "t", "--scales", "1000", "--output", "updates.jsonl")
    run("-m", "aura_tda_gpu.cli", "run", "a.csv", *options, cwd=tmp_path)
    assert run("-c", f"{block}\nprint(loops)", cwd=tmp_path) == "[[1.        1.4142135]]\n"


def assert_drawn(script, page, folder):
    """The pictures of a page, and their captions, are those that its script draws now."""
    captions = run(ROOT / "docs" / script, folder).splitlines()
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    drawn = {f"img/{path.name}" for path in folder.glob("*.png")}
    assert drawn == set(re.findall(r"\]\((img/.*?)\)", text))
    assert len(captions) == len(drawn)
    for caption in captions:
        assert f"\n*{caption}*\n" in text
    for name in drawn:
        assert (ROOT / "docs" / name).is_file()


def test_the_pictures_of_the_engine_and_their_captions(tmp_path):
    pytest.importorskip("matplotlib")
    assert_drawn("draw_engine.py", "engine.md", tmp_path)


@pytest.mark.parametrize("name", ["quickstart.py", "heartbeat.py"])
def test_an_example(name, tmp_path):
    lines = run(ROOT / "examples" / name, cwd=tmp_path).splitlines()
    assert len(lines) > 10
    assert all("longest loop" in line for line in lines)


def test_the_loss_that_makes_a_loop(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    lines = run(ROOT / "examples" / "topological_loss.py", cwd=tmp_path).splitlines()
    loops = [float(line.split()[-1]) for line in lines[:-1]]
    assert len(loops) == 9
    assert loops[-1] > 0.7
    assert loops[-1] > 4 * loops[0]
    if importlib.util.find_spec("matplotlib") is None:
        assert lines[-1].startswith("no picture")
    else:
        assert (tmp_path / "out" / "topological_loss.png").stat().st_size > 10_000


@pytest.mark.skipif(
    importlib.util.find_spec("aeon") is None, reason="aeon, which has the data, is not installed"
)
def test_the_activities(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    lines = run(ROOT / "examples" / "classify_activity.py", cwd=tmp_path).splitlines()
    found = re.findall(r"^(.{20})  (\w+) .* ([\d.]+) % \+-", "\n".join(lines), re.MULTILINE)
    scores = {(setting.strip(), name): float(score) for setting, name, score in found}
    assert len(scores) == 6
    assert all(scores["as recorded", name] > 97 for name in ("statistics", "topology", "both"))
    turned = {name: score for (setting, name), score in scores.items() if "turned" in setting}
    assert turned["topology"] > 70
    assert turned["both"] > turned["statistics"] + 4  # 9.5 when written down


def test_an_example_says_what_it_lacks(tmp_path):
    for name, lacks in (("topological_loss", "torch"), ("classify_activity", "sklearn")):
        code = f"""
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == {lacks!r} else find(name, *more)
try:
    runpy.run_path({str(ROOT / "examples" / name)!r} + ".py")
except SystemExit as end:
    print(end)
"""
        assert run("-c", code, cwd=tmp_path).startswith("pip install 'aura-tda-gpu[")


def test_the_loop_that_opens_and_closes(tmp_path):
    lines = run(ROOT / "examples" / "loop_opens_and_closes.py", cwd=tmp_path).splitlines()
    told = [line.split()[2:4] for line in lines[:-1]]
    assert {name for _, name in told} == {"scale_4000ms/H1/0"}
    assert told[0][0] == "feature_birth"
    assert {event for event, _ in told[1:-1]} == {"feature_update"}
    assert told[-1][0] == "feature_death"
    if importlib.util.find_spec("matplotlib") is None:
        assert lines[-1].startswith("no picture")
    else:
        assert (tmp_path / "out" / "loop_opens_and_closes.png").stat().st_size > 10_000
