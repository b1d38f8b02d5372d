"""`aura-tda config`: what is in effect and why, what is wrong, and the schema."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from aura_tda_gpu.cli.config_command import config_app
from aura_tda_gpu.config import Config, setting_fields
from aura_tda_gpu.config.layers import layered
from aura_tda_gpu.streaming.settings import StreamSettings

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AURA_TDA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def config(*args):
    return CliRunner().invoke(config_app, [str(arg) for arg in args], catch_exceptions=False)


def origins(text):
    """Return what is written beside the keys."""
    lines = [line for line in text.splitlines() if "#" in line]
    return {line.partition(":")[0].strip(): line.partition("  # ")[2] for line in lines}


def test_show_tells_the_defaults():
    done = config("show")
    assert (done.exit_code, done.stderr) == (0, "")
    told = [origin.partition(";")[0] for origin in origins(done.stdout).values()]
    assert set(told) == {"default"}
    assert len(origins(done.stdout)) == len(setting_fields())


def test_show_tells_which_defaults_are_others_without_settings(monkeypatch):
    plain, settings = StreamSettings(), StreamSettings.of(Config())
    others = {
        field.name
        for field in fields(plain)
        if getattr(plain, field.name) != getattr(settings, field.name)
    }
    assert others == {"max_memory_mb", "parallel_workers"}
    told = origins(config("show").stdout)
    assert (
        told["max_mb"] == f"default; {plain.max_memory_mb} for a MultiScaleStream without settings"
    )
    assert told["parallel_workers"].startswith("default; all usable cores")
    assert sum("; " in origin for origin in told.values()) == len(others)
    monkeypatch.setenv("AURA_TDA_MEMORY__MAX_MB", "128")
    assert origins(config("show").stdout)["max_mb"] == "AURA_TDA_MEMORY__MAX_MB"


def test_show_tells_where_each_value_comes_from(monkeypatch):
    Path("a.yaml").write_text("streaming_tda: {scales: [5, 7], memory: {max_mb: 64}}")
    monkeypatch.setenv("AURA_TDA_MEMORY__MAX_MB", "128")
    monkeypatch.setenv("AURA_TDA_ENGINE__MAX_EDGE_LENGTH", "1.0e-5")
    done = config("show", "a.yaml")
    told = origins(done.stdout)
    assert told["scales"] == "a.yaml"
    assert told["max_mb"] == "AURA_TDA_MEMORY__MAX_MB"
    assert told["metric"] == "default"
    assert "  scales: [5, 7]  # a.yaml\n" in done.stdout
    assert "    max_mb: 128  # AURA_TDA_MEMORY__MAX_MB\n" in done.stdout


@pytest.mark.parametrize("name", ["none", "streaming_tda.yaml", "heartbeat.yaml"])
def test_what_is_shown_is_a_file_of_settings(name, monkeypatch):
    monkeypatch.setenv("AURA_TDA_STABILITY__MIN_PERSISTENCE", "1.0e-05")
    path = None if name == "none" else CONFIGS / name
    expected = layered(path, os.environ)
    args = ["show"] if path is None else ["show", path]
    Path("shown.yaml").write_text(config(*args).stdout)
    assert Config.load("shown.yaml") == expected
    assert config("validate", "shown.yaml").stdout == "shown.yaml: ok\n"
    Path("shown.json").write_text(
        json.dumps(json.loads(config(*args, "--json").stdout)["settings"])
    )
    assert Config.load("shown.json") == expected


def test_show_as_json(monkeypatch):
    monkeypatch.setenv("AURA_TDA_SCALES", "[3]")
    shown = json.loads(config("show", "--json").stdout)
    assert set(shown) == {"settings", "origins"}
    settings = shown["settings"]["streaming_tda"]
    assert settings["scales"] == [3]
    assert settings["engine"]["max_edge_length"] is None
    assert list(shown["origins"]) == list(setting_fields())
    assert shown["origins"]["scales"] == "AURA_TDA_SCALES"


def test_a_strange_name_cannot_break_what_is_shown():
    name = "a\nenabled: false\udcff.yaml"
    Path(name).write_text("streaming_tda: {scales: [3]}")
    done = config("show", name)
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout)["streaming_tda"]["enabled"] is True
    assert "# a?enabled: false?.yaml\n" in done.stdout
    assert config("validate", name).stdout == "a?enabled: false?.yaml: ok\n"


def test_a_terminal_that_lacks_a_letter_of_the_name():
    Path("é.yaml").write_text("streaming_tda: {scales: [3]}")
    for command, expected in [("show", "scales: [3]  # ?.yaml"), ("validate", "?.yaml: ok")]:
        done = CliRunner(charset="ascii").invoke(config_app, [command, "é.yaml"])
        assert done.exit_code == 0
        assert expected in done.stdout


def test_show_takes_its_file_as_run_does():
    Path("a.yaml").write_text("streaming_tda: {scales: [5, 7]}")
    assert config("show", "--config", "a.yaml").stdout == config("show", "a.yaml").stdout
    done = config("show", "a.yaml", "--config", "b.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: --config b.yaml: a.yaml is the file already; give one of them\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_show_refuses_what_is_wrong(monkeypatch, options):
    Path("a.yaml").write_text("streaming_tda: {memory: {max_mb: 2GB}}")
    monkeypatch.setenv("AURA_TDA_MAX_MB", "5")
    done = config("show", "a.yaml", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: a.yaml: streaming_tda.memory.max_mb: must be a valid integer, got '2GB' "
        "(unit: MB, write 2048); AURA_TDA_MAX_MB: unknown variable; did you mean "
        "AURA_TDA_MEMORY__MAX_MB?\n"
    )


def test_validate_looks_at_every_file(monkeypatch):
    monkeypatch.setenv("AURA_TDA_NONSENSE", "of no interest to a file")
    Path("good.yaml").write_text("streaming_tda: {scales: [3]}")
    Path("bad.yaml").write_text("streaming_tda: {scales: [100ms]}")
    Path("tab.yaml").write_text("streaming_tda:\n\tscales: [1]\n")
    assert config("validate", "good.yaml").exit_code == 0
    done = config("validate", "bad.yaml", "good.yaml", "tab.yaml", "none.yaml", "good.yaml")
    assert (done.exit_code, done.stdout) == (2, "good.yaml: ok\ngood.yaml: ok\n")
    assert done.stderr.splitlines() == [
        "error: bad.yaml: streaming_tda.scales[0]: must be a valid integer, got '100ms' "
        "(unit: milliseconds, write 100)",
        "error: tab.yaml: line 2: tabs cannot indent YAML, use spaces",
        "error: none.yaml: cannot be read: No such file or directory",
    ]


def test_validate_needs_a_file():
    assert config("validate").exit_code == 2


def test_schema():
    done = config("schema")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == Config.json_schema()


def test_without_a_command_it_says_what_there_is():
    done = config()
    assert done.exit_code == 0
    for name in ("show", "validate", "schema"):
        assert name in done.stdout
