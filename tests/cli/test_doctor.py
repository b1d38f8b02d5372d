"""The doctor's findings, for people and for machines."""

from __future__ import annotations

import json

from aura_tda_gpu.cli import doctor

from .commands import invoke


def test_for_people():
    done = invoke("doctor")
    assert done.exit_code == 0
    for name in ("python", "cores", "kernels", "GPU", "backend cpu", "auto takes"):
        assert any(line.startswith(name) for line in done.stdout.splitlines())


def test_for_machines():
    done = invoke("doctor", "--json")
    findings = json.loads(done.stdout)
    assert findings["auto"] in findings["backends"]
    assert findings["reason"]
    assert findings["kernels"]["error"] is None
    assert findings["kernels"]["compiled"] + findings["kernels"]["cached"] > 0


def test_extras_that_are_missing_come_with_the_line_to_install(monkeypatch):
    requires = [
        "numpy>=2",
        'matplotlib>=3.9; extra == "plot"',
        "no-such-package>=1; extra == 'torch'",
        'pytest; extra == "test"',
    ]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: requires)
    assert doctor.extras() == {"plot": [], "torch": ["no-such-package"]}
    lines = invoke("doctor").stdout.splitlines()
    assert "extra plot         installed" in lines
    line = "extra torch        lacks no-such-package: pip install 'aura-tda-gpu[torch]'"
    assert line in lines


def test_broken_kernels_are_a_finding_not_a_crash(monkeypatch):
    from aura_tda_gpu.persistence import cpu

    def fail():
        raise RuntimeError("no cache here")

    monkeypatch.setattr(cpu, "warm_up", fail)
    done = invoke("doctor")
    assert done.exit_code == 0
    assert "kernels            do not work: no cache here" in done.stdout
