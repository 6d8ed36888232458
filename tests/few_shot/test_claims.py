"""Published ResNet-50 numbers are not compared with features of another model."""

from __future__ import annotations

from pathlib import Path

from made_features import WIDTH, feature_files

from bench.claims.binding import Runs
from bench.claims.identity import expected
from bench.claims.published import load
from bench.claims.verdicts import judge
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.records import Store


def test_tip_adapters_rows_are_not_comparable_on_vit_features(tmp_path: Path) -> None:
    feature_files(tmp_path, stem="oxford_pets")
    settings = Settings(results=tmp_path / "runs", data=tmp_path, device="cpu", quiet=True)
    place = f"clip_features[protocol=listed_1]/cached[size={WIDTH}]"
    methods = ("tip_adapter", "zero_shot")
    done = carry_out([f"{place}/{method}/quick/seed={seed}" for method in methods for seed in range(3)], settings)
    assert not done.failed
    runs = Runs(Store(settings.results))
    claims = [claim for claim in load()["tip_adapter"].claims if claim.dataset == "oxford_pets"]
    judged = [claim for claim in claims if claim.method in ("Tip-Adapter", "Zero-shot CLIP")]
    assert len(judged) == 6
    for claim in judged:
        verdict = judge(claim, expected(claim), runs.ours(claim))
        assert verdict.verdict == "not comparable"
        assert 'backbone.model: "OpenAI CLIP ViT-B/32 (QuickGELU)" instead of "OpenAI CLIP RN50"' in verdict.reason
