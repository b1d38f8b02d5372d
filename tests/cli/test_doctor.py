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


def test_the_gpu_is_named_where_nvidia_smi_names_one(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_kernels", lambda: {"error": "not looked at"})
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "GPU                NVIDIA H200, 143771 MiB" in invoke("doctor").stdout.splitlines()
    assert json.loads(invoke("doctor", "--json").stdout)["gpus"] == ["NVIDIA H200, 143771 MiB"]
    fake.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert doctor.gpus() == []
    fake.unlink()
    assert doctor.gpus() == []


def test_memory_is_in_gib(monkeypatch):
    from aura_tda_gpu.persistence import backends

    monkeypatch.setattr(doctor, "_kernels", lambda: {"error": "not looked at"})
    monkeypatch.setattr(backends, "available_memory", lambda: 3 << 30)
    assert "memory             3.0 GiB free" in invoke("doctor").stdout.splitlines()


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


def test_kernels_are_compiled_where_it_is_announced(monkeypatch):
    from aura_tda_gpu.persistence import backends

    order = []
    probe = backends.probe
    monkeypatch.setattr(doctor, "_kernels", lambda: order.append("kernels"))
    monkeypatch.setattr(backends, "probe", lambda: order.append("probe") or probe())
    doctor.examine()
    assert order == ["kernels", "probe"]
