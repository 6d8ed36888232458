"""Related methods against what released code computed in double precision (fixture, stored in single precision).

All is computed in double precision from the stored inputs, so that differences are those of the fixture's rounding:
3e-7 of the largest value, and of gradients 3e-6.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import open_clip
import pytest
import torch
from reference import RELATED, features_of, relative
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.backbones.clip import ClipBackbone
from bench.backbones.family import WeightsInfo
from bench.baselines import ape, gda, lp_plus_plus
from bench.baselines.ape_t import APET, ResidualCache
from bench.baselines.attn_adapter import AttnAdapter, MemoryHead
from bench.baselines.cross_modal_probe import CrossModalHead
from bench.baselines.hegraph import HeGraph, HeterogeneousHead
from bench.baselines.maple import CoupledHead, CoupledPrompts, MaPLe
from bench.baselines.meta_adapter import MetaAdapter, MetaHead, by_class
from bench.baselines.rla import RLA, LinearAdapter
from bench.baselines.sgva import SgVA, VisualAdapter
from bench.baselines.tip_adapter import steps
from bench.baselines.zero_shot import ZeroShot
from bench.core.errors import UsageError
from bench.methods import Batch, FeatureSplit, HeadSpec
from bench.methods.text import unit

VALUE, GRADIENT = 3e-7, 3e-6
IN = {name: RELATED[f"in.{name}"].double() for name in ("text_raw", "text", "keys", "query", "val")}
LABELS = {name: RELATED[f"in.{name}_labels"].long() for name in ("query", "val")} | {
    "keys": RELATED["in.key_labels"].long()
}
QUERY = features_of(IN["query"])


def expected(name: str) -> Tensor:
    return RELATED[name].double()


def loss_of(head: nn.Module) -> Tensor:
    return cross_entropy(head(QUERY), LABELS["query"])


def filled(head: nn.Module, prefix: str) -> nn.Module:
    """The head in double precision, with the parameters that the fixture states."""
    head = head.double()
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            parameter.copy_(RELATED[f"{prefix}.{name}"])
    return head


class TestGDA:
    rows = {"": torch.arange(24), "unbalanced.": RELATED["gda.unbalanced.in.rows"].long()}

    @pytest.mark.parametrize("case", rows)
    def test_weights(self, case: str) -> None:
        rows = self.rows[case]
        x, labels = IN["keys"][rows], LABELS["keys"][rows]
        found = gda.Gaussians.of(x, labels, IN["text"])
        means = gda.class_means(x, labels, 6)
        assert relative(gda.precision(x - means[labels]), expected(f"gda.{case}out.precision")) < VALUE
        assert relative(found.weights, expected(f"gda.{case}out.W")) < VALUE
        assert relative(found.bias, expected(f"gda.{case}out.b")) < VALUE

    def test_logits_and_choice(self) -> None:
        found = gda.Gaussians.of(IN["keys"], LABELS["keys"], IN["text"])
        for alpha in (0.01, 1.0, 10.0):
            assert relative(found.logits(IN["query"], 100.0, alpha), expected(f"gda.out.logits.a{alpha}")) < VALUE
        val = FeatureSplit(IN["val"].numpy(), LABELS["val"].numpy())
        tried = tuple(10.0**e for e in range(-4, 3))
        alpha, score = found.search(val, 100.0, tried)
        assert alpha == pytest.approx(float(RELATED["gda.out.alpha"]))
        assert 100 * score == pytest.approx(float(RELATED["gda.out.val_accuracy"].max()), rel=1e-6)
        assert relative(found.logits(IN["query"], 100.0, alpha), expected("gda.out.logits")) < VALUE

    def test_one_row_a_class_is_zero_shot_and_says_so(self) -> None:
        one = slice(0, 24, 4)
        train = FeatureSplit(IN["keys"][one].float().numpy(), LABELS["keys"][one].numpy())
        val = FeatureSplit(IN["val"].float().numpy(), LABELS["val"].numpy())
        spec = HeadSpec(SimpleNamespace(pooled_dim=32), 6, text=IN["text_raw"])
        fitted, plain = gda.GDA().fit(train, val, spec), ZeroShot().fit(train, None, spec)
        found, zero_shot = (torch.from_numpy(one.predict(IN["query"].float().numpy())) for one in (fitted, plain))
        apart = found - zero_shot
        assert float(apart.max() - apart.min()) < 1e-4  # a constant, which no probability sees
        assert "zero-shot" in fitted.chosen["note"]
        assert "note" not in gda.GDA().fit(FeatureSplit(IN["keys"].numpy(), LABELS["keys"].numpy()), val, spec).chosen


class TestLPPlusPlus:
    kept_epochs = (1, 2, 3, 10, 11, 12, 20, 21, 22)

    def start(self) -> lp_plus_plus.Probe:
        probe = lp_plus_plus.Probe.start(IN["keys"], LABELS["keys"], IN["text"], 250.0)
        now = probe.weights
        assert relative(now.w, expected("lpp.in.W0")) < VALUE
        assert relative(now.alpha, expected("lpp.in.alpha0")) < VALUE
        probe.weights = lp_plus_plus.Weights(expected("lpp.in.W0"), expected("lpp.in.b0"), expected("lpp.in.alpha0"))
        return probe

    def test_start(self) -> None:
        probe = self.start()
        w, _, alpha = probe.gradients()
        assert relative(probe.weights.logits(IN["keys"], IN["text"]), expected("lpp.out.logits0")) < VALUE
        assert relative(w, expected("lpp.grad.W0")) < GRADIENT
        assert relative(alpha, expected("lpp.grad.alpha0")) < GRADIENT
        assert relative(probe.rate, expected("lpp.out.lr_w")) < VALUE
        assert relative(probe.alpha_rate, expected("lpp.out.lr_alpha")) < VALUE

    @pytest.mark.parametrize(("kind", "defect"), [("corrected", False), ("released", True)])
    def test_epochs(self, kind: str, defect: bool) -> None:
        probe, scores = self.start(), []
        for epoch in range(1, 23):
            before = cross_entropy(probe.weights.logits(IN["keys"], IN["text"]), LABELS["keys"])
            assert relative(before, expected(f"lpp.{kind}.out.loss")[epoch - 1]) < GRADIENT
            probe.step(moves_alpha=epoch % 10 == 0, keeps_sum=defect)
            assert relative(probe.weights.alpha, expected(f"lpp.{kind}.out.alpha")[epoch - 1]) < VALUE
            assert relative(probe.weights.b, expected(f"lpp.{kind}.out.b")[epoch - 1]) < GRADIENT
            if epoch in self.kept_epochs:
                place = self.kept_epochs.index(epoch)
                assert relative(probe.weights.w, expected(f"lpp.{kind}.out.W")[place]) < GRADIENT
            scores.append(lp_plus_plus.accuracy(probe.weights.logits(IN["val"], IN["text"]), LABELS["val"]))
        assert relative(probe.weights.logits(IN["query"], IN["text"]), expected(f"lpp.{kind}.out.logits")) < GRADIENT
        best = max(range(22), key=lambda epoch: (scores[epoch], epoch))
        assert best == int(RELATED[f"lpp.{kind}.out.best_epoch"])


class TestRLA:
    def test_three_hundred_epochs(self) -> None:
        head = LinearAdapter(IN["text"], 1 / 4, 100.0).double()
        optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, eps=1e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
        for epoch in range(300):
            optimizer.zero_grad()
            entropy, penalty = cross_entropy(head(features_of(IN["keys"])), LABELS["keys"]), head.penalty()
            assert entropy.item() == pytest.approx(float(RELATED["rla.out.ce"][epoch]), rel=1e-6)
            assert 4 * penalty.item() == pytest.approx(float(RELATED["rla.out.penalty"][epoch]), rel=1e-6, abs=1e-12)
            (entropy + penalty).backward()
            if epoch < 2:
                assert relative(head.map.grad, expected(f"rla.grad.W.{epoch}")) < GRADIENT
            optimizer.step()
            schedule.step()
            if epoch + 1 in (1, 2, 3, 300):
                assert relative(head.map, expected(f"rla.out.W.{epoch + 1}")) < VALUE
        assert relative(head(QUERY), expected("rla.out.logits")) < VALUE

    def test_lambda_is_one_over_the_rows_a_class(self) -> None:
        split = FeatureSplit(IN["keys"].float().numpy(), LABELS["keys"].numpy())
        spec = HeadSpec(SimpleNamespace(pooled_dim=32), 6, text=IN["text_raw"], support=lambda: split)
        assert RLA().head(spec).weight == 1 / 4
        assert RLA(weight=0.0).head(spec).penalty() == 0


class TestCrossModalProbe:
    def test_three_steps(self) -> None:
        head = CrossModalHead(unit(IN["text_raw"]), 0.5, scale=math.exp(4.60517)).double()
        optimizer = torch.optim.AdamW(head.parameters(), weight_decay=0.01)
        rates = RELATED["crossmodal.out.lr"].tolist()
        assert RELATED["crossmodal.in.lr_steps"][:3].tolist() == [0, 1, 2]
        for step in range(3):
            images = RELATED["crossmodal.in.image_rows"][step].long()
            classes = RELATED["crossmodal.in.text_rows"][step].long()
            optimizer.param_groups[0]["lr"] = rates[step]
            optimizer.zero_grad()
            logits = head(features_of(IN["keys"][images]))
            loss = (cross_entropy(logits, LABELS["keys"][images]) + head.text_loss(classes)) / 2
            loss.backward()
            assert relative(logits, expected("crossmodal.out.logits")[step, :4]) < GRADIENT
            assert relative(loss, expected("crossmodal.out.loss")[step]) < GRADIENT
            assert relative(head.weights.grad, expected("crossmodal.grad.W")[step]) < GRADIENT
            optimizer.step()
            assert relative(head.weights, expected("crossmodal.out.W")[step]) < VALUE
        assert relative(head(QUERY), expected("crossmodal.out.query_logits")) < VALUE
        assert relative(head.mixed(), expected("crossmodal.out.wiseft")) < VALUE
        assert relative(head.eval()(QUERY), expected("crossmodal.out.wiseft_logits")) < VALUE


class TestAPE:
    def cache(self) -> ape.PriorCache:
        criterion = ape.criterion_of(IN["text"], IN["keys"], LABELS["keys"], 0.7)
        return ape.PriorCache.of(IN["keys"], LABELS["keys"], IN["text"], ape.kept(criterion, 20 / 32), 100.0)

    def test_criterion(self) -> None:
        found = ape.similarity(IN["text"], IN["keys"], LABELS["keys"])
        assert relative(found, expected("ape.out.similarity")) < VALUE
        assert relative(found, expected("ape.formula.similarity")) < VALUE
        assert (
            relative(ape.criterion_of(IN["text"], IN["keys"], LABELS["keys"], 0.7), expected("ape.out.criterion"))
            < VALUE
        )

    def test_logits(self) -> None:
        cache = self.cache()
        assert cache.channels.tolist() == RELATED["ape.out.channels"].long().tolist()
        assert relative(cache.divergence, expected("ape.out.divergence")) < VALUE
        assert relative(cache.affinity(IN["query"]), expected("ape.out.affinity")) < VALUE
        assert relative(cache.logits(IN["query"], 2, 1, 0.1), expected("ape.out.logits.a2.b1.g0.1")) < VALUE

    def test_search(self) -> None:
        grid = steps(7.0, 10), steps(7.0, 20), torch.arange(5, dtype=torch.float64) / 5
        choice, score = ape.search(self.cache(), IN["val"], LABELS["val"], *grid)
        assert [*choice, 100 * score] == pytest.approx(RELATED["ape.out.chosen"].tolist(), rel=1e-6)
        assert relative(self.cache().logits(IN["query"], *choice), expected("ape.out.logits")) < VALUE


class TestAPET:
    def head(self) -> ResidualCache:
        method = APET(share=20 / 32)
        return ResidualCache(method, IN["keys"], LABELS["keys"], IN["text"])

    def test_channels(self) -> None:
        nothing = IN["keys"][:0], LABELS["keys"][:0]
        assert relative(ape.similarity(IN["text"], *nothing), expected("apet.out.similarity")) < VALUE
        assert self.head().channels.tolist() == RELATED["apet.out.channels"].long().tolist()

    def test_logits_and_gradients(self) -> None:
        head = self.head()
        head.residual.data.copy_(RELATED["apet.in.residual"])
        head.key_weights.data.copy_(RELATED["apet.in.value_weights"])
        text, keys = head.moved()
        assert relative(text, expected("apet.out.text")) < VALUE
        assert relative(keys, expected("apet.out.keys")) < VALUE
        assert relative(head.values * head.key_weights, expected("apet.out.values")) < VALUE
        loss = loss_of(head)
        loss.backward()
        assert relative(head(QUERY), expected("apet.out.logits")) < VALUE
        assert relative(loss, expected("apet.out.loss")) < VALUE
        assert relative(head.residual.grad, expected("apet.grad.residual")) < GRADIENT
        assert relative(head.key_weights.grad, expected("apet.grad.value_weights")) < GRADIENT

    def test_six_steps(self) -> None:
        head = self.head()
        optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, eps=1e-3, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
        for step in range(6):
            rows = RELATED["apet.in.batches"][step % 2].long()
            optimizer.zero_grad()
            loss = cross_entropy(head(features_of(IN["keys"][rows])), LABELS["keys"][rows])
            loss.backward()
            assert relative(loss, expected("apet.out.train_loss")[step]) < GRADIENT
            optimizer.step()
            schedule.step()
            assert relative(head.residual, expected("apet.out.train_residual")[step]) < GRADIENT
            assert relative(head.key_weights[:, 0], expected("apet.out.train_value_weights")[step]) < VALUE


class TestMetaAdapter:
    theirs = {"query": "q_proj", "key": "k_proj", "gate": "alpha_proj"}

    def head(self) -> MetaHead:
        head = MetaHead(IN["text"], *by_class(IN["keys"], LABELS["keys"], 6), scale=100.0).double()
        for name, parameter in head.named_parameters():
            parameter.data.copy_(RELATED[f"meta.in.{self.named(name)}"])
        return head

    def named(self, ours: str) -> str:
        layer, _, part = ours.partition(".")
        return f"{self.theirs[layer]}.{part}"

    def test_logits_and_gradients(self) -> None:
        head = self.head()
        loss = loss_of(head)
        loss.backward()
        assert relative(head.weights(), expected("meta.out.weights")) < VALUE
        assert relative(head(QUERY), expected("meta.out.logits")) < VALUE
        assert relative(loss, expected("meta.out.loss")) < VALUE
        for name, parameter in head.named_parameters():
            assert relative(parameter.grad, expected(f"meta.grad.{self.named(name)}")) < GRADIENT, name

    def test_three_steps_with_the_queue(self) -> None:
        head = self.head()
        optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4, eps=1e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
        for step in range(3):
            rows = RELATED["meta.in.batches"][step].long()
            views, labels = RELATED["meta.in.views"][rows].double(), LABELS["keys"][rows]
            optimizer.zero_grad()
            loss = cross_entropy(head(features_of(views)), labels)
            batch = Batch(features_of(views), labels, {})
            assert MetaAdapter().extra_loss(SimpleNamespace(head=head), batch) is None
            loss.backward()
            assert relative(loss, expected("meta.out.train_loss")[step]) < GRADIENT
            optimizer.step()
            schedule.step()
            assert relative(head.keys, expected("meta.out.queue")[step]) < VALUE
        for name, parameter in head.named_parameters():
            assert relative(parameter, expected(f"meta.out.train.{self.named(name)}")) < VALUE, name
        assert relative(head.weights(), expected("meta.out.test_weights")) < VALUE

    def test_classes_of_unequal_counts(self) -> None:
        rows = TestGDA.rows["unbalanced."]
        keys, counts = by_class(IN["keys"][rows], LABELS["keys"][rows], 6)
        assert counts.tolist() == [4, 3, 2, 4, 2, 3]
        head = self.head()
        whole = MetaHead(IN["text"], keys, counts, scale=100.0).double()
        whole.load_state_dict({**head.state_dict(), "keys": keys})
        for label in range(6):
            own = keys[label, : counts[label]].expand(6, -1, -1)
            alone = MetaHead(IN["text"], own, counts[label].expand(6), scale=100.0).double()
            alone.load_state_dict({**head.state_dict(), "keys": own})
            assert relative(whole.weights()[label], alone.weights()[label]) < 1e-12
        whole.push(IN["query"][:3], torch.tensor([2, 2, 2]))
        assert torch.equal(whole.keys[2, :2], IN["query"][[2, 1]])
        assert not whole.keys[2, 2:].any()


class TestAttnAdapter:
    def test_the_formula_class_by_class(self) -> None:
        keys, counts = by_class(IN["keys"], LABELS["keys"], 6)
        torch.manual_seed(0)
        head = MemoryHead(IN["text"], keys, counts, AttnAdapter()).double()
        for label, text in enumerate(IN["text"]):
            rows = IN["keys"][LABELS["keys"] == label]
            attention = (head.key(rows) @ head.query(text) / math.sqrt(32)).softmax(0)
            wanted = text + torch.sigmoid(head.gate(text)) * (rows.T @ attention)
            assert relative(head.weights()[label], wanted) < 1e-12
        assert relative(head(QUERY), 100 * unit(IN["query"]) @ unit(head.weights()).T) < 1e-12

    def test_a_class_without_a_row_keeps_its_text(self) -> None:
        there = LABELS["keys"] != 2
        head = MemoryHead(IN["text"], *by_class(IN["keys"][there], LABELS["keys"][there], 6), AttnAdapter()).double()
        assert torch.equal(head.weights()[2], IN["text"][2])
        assert not torch.equal(head.weights()[1], IN["text"][1])


class TestSgVA:
    def head(self) -> VisualAdapter:
        return filled(VisualAdapter(SgVA(), IN["text"], IN["keys"], LABELS["keys"]), "sgva.in")

    def losses(self, head: VisualAdapter) -> tuple[Tensor, Tensor]:
        keys = features_of(IN["keys"])
        taught = SgVA().extra_loss(SimpleNamespace(head=head), Batch(keys, LABELS["keys"], {}))
        return cross_entropy(head(keys), LABELS["keys"]), taught

    def test_losses_and_gradients(self) -> None:
        head = self.head()
        assert relative(head.adapted(IN["keys"]), expected("sgva.out.adapted")) < VALUE
        assert relative(head.prototypes(), expected("sgva.out.prototypes")) < VALUE
        assert relative(head(features_of(IN["keys"])), expected("sgva.out.visual_logits")) < VALUE
        visual, taught = self.losses(head)
        (visual + taught).backward()
        assert relative(visual, expected("sgva.out.loss_i2i")) < VALUE
        assert relative(taught, expected("sgva.out.loss_kd")) < VALUE
        assert relative(visual + taught, expected("sgva.out.loss")) < VALUE
        for name, parameter in head.named_parameters():
            assert relative(parameter.grad, expected(f"sgva.grad.{name}")) < GRADIENT, name
        assert relative(head(QUERY), expected("sgva.out.query_visual_logits")) < VALUE
        assert relative(head.eval()(QUERY), expected("sgva.out.query_fused.l0.3")) < VALUE

    def test_two_steps(self) -> None:
        head = self.head()
        optimizer = torch.optim.SGD(head.parameters(), lr=3.5e-3, momentum=0.9, nesterov=True, weight_decay=5e-4)
        for step in range(2):
            optimizer.zero_grad()
            loss = sum(self.losses(head))
            loss.backward()
            assert relative(loss, expected("sgva.out.train_loss")[step]) < GRADIENT
            optimizer.step()
        for name, parameter in head.named_parameters():
            assert relative(parameter, expected(f"sgva.out.train.{name}")) < VALUE, name


class TestHeGraph:
    """Against a third party's reading of the paper, since its authors released no code."""

    theirs = {"to_negative": "gcn_neg_agg", "to_positive": "gcn_pos_agg", "to_visual": "gcn_vis_agg"}

    def head(self) -> HeterogeneousHead:
        inputs = expected("hegraph.in.negative_text"), expected("hegraph.in.images"), LABELS["keys"]
        head = HeterogeneousHead(HeGraph(), IN["text_raw"], *inputs).double()
        for name, parameter in head.named_parameters():
            parameter.data.copy_(RELATED[f"hegraph.in.{self.theirs[name]}.W"])
        return head

    def test_loss_and_gradients(self) -> None:
        head = self.head()
        extra = HeGraph().extra_loss(SimpleNamespace(head=head), Batch(QUERY, LABELS["query"], {}))
        loss = loss_of(head) + extra
        loss.backward()
        assert relative(head.refined(), expected("hegraph.out.text.train")) < VALUE
        assert relative(head.image_message(), expected("hegraph.out.image_bias")) < VALUE
        assert relative(head(QUERY), expected("hegraph.out.text_logits")) < VALUE
        assert relative(head.visual_logits(IN["query"]), expected("hegraph.out.cache_logits")) < VALUE
        assert relative(loss, expected("hegraph.out.loss")) < VALUE
        for name, parameter in head.named_parameters():
            assert relative(parameter.grad, expected(f"hegraph.grad.{self.theirs[name]}.W")) < GRADIENT, name

    def test_prediction(self) -> None:
        head = self.head().eval()
        assert relative(head.refined(), expected("hegraph.out.text.test")) < VALUE
        assert relative(head(QUERY).exp(), expected("hegraph.out.probabilities")) < VALUE

    def test_says_what_is_missing(self) -> None:
        raw = FeatureSplit(3 * IN["keys"].float().numpy(), LABELS["keys"].numpy())
        spec = HeadSpec(SimpleNamespace(pooled_dim=32), 6, text=IN["text_raw"], support=lambda: raw)
        with pytest.raises(UsageError, match="negative prompts"):
            HeGraph().head(spec)
        with pytest.raises(UsageError, match="raw text"):
            HeGraph().head(replace(spec, text=IN["text"]))
        unit_rows = FeatureSplit(IN["keys"].float().numpy(), LABELS["keys"].numpy())
        with pytest.raises(UsageError, match="raw image"):
            HeGraph().head(replace(spec, support=lambda: unit_rows))


class TestMaPLe:
    scale = RELATED["maple.clip.logit_scale"].double().exp().item()

    def parts(self) -> tuple[ClipBackbone, CoupledHead]:
        """The fixture's tiny CLIP with the fixture's prompts, and the head of its classes."""
        state = {k.removeprefix("maple.clip."): v for k, v in RELATED.items() if k.startswith("maple.clip.")}
        vision = {"image_size": 16, "patch_size": 8, "width": 64, "layers": 4, "head_width": 64}
        text = {"context_length": 12, "vocab_size": 40, "width": 32, "heads": 2, "layers": 4}
        model = open_clip.model.CLIP(24, vision, text, quick_gelu=True)
        model.load_state_dict(state)
        tokens = RELATED["maple.in.tokens"].long()
        info = WeightsInfo("tiny", 16, (0.5,) * 3, (0.5,) * 3)
        backbone = ClipBackbone(model, info, 16, "{}", lambda texts: tokens[: len(texts)]).requires_grad_(False)
        method = MaPLe(context=2, depth=3, scale=self.scale)
        method.inject(backbone)
        coupled = backbone.text_encoder().coupled
        for ours, theirs in self.theirs(coupled).items():
            coupled.get_parameter(ours).data = RELATED[f"maple.in.{theirs}"].clone()
        spec = HeadSpec(backbone.spec, 3, names=("a", "b", "c"), encoder=backbone.text_encoder())
        return backbone.double(), method.head(spec).double()

    def theirs(self, coupled: nn.Module) -> dict[str, str]:
        """Our names of the learnt parameters -> released ones."""
        found = {}
        for name, _ in coupled.named_parameters():
            kind, number, *part = name.split(".")
            first = {"text": "ctx", "maps": "proj"}[kind]
            deeper = {"text": "compound_prompts_text", "maps": "compound_prompt_projections"}[kind]
            found[name] = ".".join([first if number == "0" else f"{deeper}.{int(number) - 1}", *part])
        return found

    def test_logits_and_gradients(self) -> None:
        backbone, head = self.parts()
        features = backbone(RELATED["maple.in.image"].double())
        logits = head(features)
        loss = cross_entropy(logits, RELATED["maple.in.labels"].long())
        loss.backward()
        assert features.tokens.shape[1] == 4  # image prompts are no patches
        assert relative(features.pooled, expected("maple.out.image_features")) < GRADIENT
        assert relative(head.text(), expected("maple.out.text_features")) < GRADIENT
        assert relative(logits, expected("maple.out.logits")) < GRADIENT
        assert relative(loss, expected("maple.out.loss")) < GRADIENT
        coupled = backbone.text_encoder().coupled
        theirs = self.theirs(coupled)
        assert len(theirs) == 9
        for name, parameter in coupled.named_parameters():
            assert relative(parameter.grad, expected(f"maple.grad.{theirs[name]}")) < GRADIENT, name

    def test_other_texts_have_no_prompts(self) -> None:
        backbone, head = self.parts()
        before = backbone.model.encode_text(RELATED["maple.in.tokens"].long())
        head.text()
        assert torch.equal(backbone.model.encode_text(RELATED["maple.in.tokens"].long()), before)

    def test_text_is_computed_once_in_evaluation_and_anew_after_a_change(self) -> None:
        backbone, head = self.parts()
        head.eval()
        with torch.no_grad():
            first = head.text()
            assert head.text() is first
            backbone.text_encoder().coupled.text[1].add_(0.1)
            assert not torch.equal(head.text(), first)

    def test_the_paper_has_as_many_parameters(self) -> None:
        """3.55 million on ViT-B/16: nine maps from 512 to 768 and nine times two prompts."""
        encoder = SimpleNamespace(embed=lambda tokens: torch.zeros(1, 7, 512), tokens=lambda texts: None)
        assert sum(p.numel() for p in CoupledPrompts(encoder, 768, 2, 9).parameters()) == 3_555_072
