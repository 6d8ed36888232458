"""`bench doctor`: what this installation can do, and what it lacks."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from bench.backbones.local import local_weights, weights_folder
from bench.cli.commands.listing import backbones
from bench.core.errors import BenchError
from bench.core.text import as_json, columns
from bench.plugins import registry

OTHER_FOLDER = "Choose another folder with --results: a local disk, or NFS 4 mounted with locks."
Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the report; a "problem" keeps `bench run quick` from working."""

    level: Level
    what: str
    value: str


def report(data: Path | None, weights: Path | None, results: Path, json: bool) -> tuple[str, bool]:
    """The report, and whether it is free of problems."""
    findings = [*_packages(), *_devices(), *_plugins(), *_data(data), *_weights(weights), *_results(results)]
    text = as_json([asdict(f) for f in findings]) if json else columns([f.level, f.what, f.value] for f in findings)
    return text, all(f.level != "problem" for f in findings)


def _packages() -> list[Finding]:
    """What the distribution requires, extras aside; package metadata says it without importing anything."""
    import platform

    findings = [Finding("ok", "python", platform.python_version())]
    for name in ["adaptbench", *(_name(text) for text in requires("adaptbench") or [] if "extra ==" not in text)]:
        try:
            findings.append(Finding("ok", name, version(name)))
        except PackageNotFoundError:
            findings.append(Finding("problem", name, f"not installed: pip install {name}"))
    return findings


def _name(requirement: str) -> str:
    for i, char in enumerate(requirement):
        if not (char.isalnum() or char in "-_."):
            return requirement[:i]
    return requirement


def _devices() -> list[Finding]:
    import torch

    findings = [Finding("ok", "cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        findings.append(
            Finding("ok", f"cuda:{number}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
        )
    if not torch.cuda.device_count():
        findings.append(Finding("note", "gpu", "none; runs use the CPU"))
    return findings


def _plugins() -> list[Finding]:
    """The files that cannot be used."""
    entries = (entry for kind in registry.KINDS for entry in registry.catalog(kind).values())
    return [Finding("problem", f"{registry.SINGULAR[e.kind]} {e.name}", e.problem) for e in entries if e.problem]


def _data(data: Path | None) -> list[Finding]:
    from bench.data.roots import data_root

    try:
        root = data_root(data)
    except BenchError as error:
        return [Finding("problem", "data root", str(error))]
    findings = [
        Finding("ok" if root.is_dir() else "note", "data root", f"{root}{'' if root.is_dir() else ' (not there yet)'}")
    ]
    for name, entry in registry.catalog("datasets").items():
        folder = dict(entry.card).get("folder")
        if folder and not entry.problem:
            there = (root / folder).is_dir()
            findings.append(
                Finding(
                    "ok" if there else "note", f"data set {name}", "present" if there else f"not at {root / folder}"
                )
            )
    return findings


def _weights(weights: Path | None) -> list[Finding]:
    try:
        folder = weights_folder(weights)
    except BenchError as error:
        return [Finding("problem", "weights folder", str(error))]
    place = Finding("ok" if folder else "note", "weights folder", str(folder or "none; timm's hub is asked"))
    lines = backbones(weights)
    broken = [Finding("problem", f"backbone {k}", v) for k, v in lines.items() if v.startswith("unusable: ")]
    here = local_weights(folder)
    told = {finding.what for finding in broken}
    lacking = [finding for name in here if (finding := _unstated(name, here[name])) and finding.what not in told]
    return [place, Finding("ok", "weights here", ", ".join(here)), *broken, *lacking]


def _unstated(name: str, file: Path) -> Finding | None:
    """A weights file that does not say what is needed to use it; families of their own read other facts."""
    from bench.backbones.facts import from_file
    from bench.backbones.family import families

    if any(cls.knows(name, file.parent) for cls in families().values() if not cls.fallback):
        return None
    try:
        from_file(file)
    except BenchError as error:
        return Finding("note", f"backbone {name}", str(error))
    return None


def _results(results: Path) -> list[Finding]:
    from bench.core.probe import local_locks, lock_problem, mounts_here
    from bench.engine.run import check_writable

    try:
        check_writable(results)
    except BenchError as error:
        return [Finding("problem", "results folder", str(error))]
    found = [Finding("ok", "results folder", str(results))]
    folder = next(parent for parent in [results.absolute(), *results.absolute().parents] if parent.is_dir())
    if problem := lock_problem(folder):
        return [*found, Finding("problem", "file locks", f"{folder} {problem}. {OTHER_FOLDER}")]
    if local := local_locks(folder, mounts_here()):
        fix = "Run on one machine at a time, mount it without that, or choose another --results"
        return [*found, Finding("note", "file locks", f"keep out processes of this machine only: {local}. {fix}.")]
    return [*found, Finding("ok", "file locks", "keep a second process out, and go with a process that dies")]
