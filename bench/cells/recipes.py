"""Training recipes: data, not code. A cell's name states each field that differs from its recipe's.

Named ones are files: `bench.plugins.recipe_files`.
"""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from bench.cells.notation import format_value
from bench.cells.params import Params
from bench.cells.search import Point, axes, fields_of, search_points, written

# Fields that decide the stream of images; cells may share a backbone pass only when all of them agree.
STREAM_FIELDS = (
    "batch_size", "resize", "resize_to", "antialias", "normalisation", "augment", "near_black", "views", "precision",
    "mixup", "cutmix",
)  # fmt: skip
# All that matters to methods fitted on frozen features, which are not augmented.
PREPROCESSING_FIELDS = ("resize", "resize_to", "antialias", "normalisation", "precision")
# What fields are called in titles (`bench.tables.titles`); those left out there are spelt as here.
WORDS = {
    "epochs": "{} epochs",
    "head_epochs": "{} of heads",
    "warmup_epochs": "{} of warm-up",
    "batch_size": "batches of {}",
    "lr": "rate {}",
    "backbone_lr": "backbone rate {}",
    "near_black=True": "near-black defect",
    "batch_norm=frozen": "batch statistics as pre-trained",
    "halve_at=[]": "without halving",
    "trials": "{} trials drawn",
    "search": "searched {}",
    **dict.fromkeys(("lr_grid=[]", "coarse_lr_grid=[]", "backbone_lr_grid=[]", "ties"), ""),
}
# Learning rates: each method has its own, whether a grid chose it or a suite states it.
RATES = ("lr", "backbone_lr")
# What makes a cell several trials; where all are empty it is one.
RATE_GRIDS = ("lr_grid", "coarse_lr_grid", "backbone_lr_grid")
GRIDS = (*RATE_GRIDS, "halve_at", "search")
# What a recipe's fingerprint is called in a record -> the fields that it covers (None: all).
FINGERPRINTS: dict[str, tuple[str, ...] | None] = {"recipe": None, "preprocessing": PREPROCESSING_FIELDS}


class Recipe(Params):
    """How a method is trained: preprocessing, augmentation, optimiser, schedule, selection."""

    epochs: PositiveInt = Field(100, description="epochs of every stage, or of the whole cell: see epochs_per")
    epochs_per: Literal["stage", "cell"] = Field("stage", description="cell: stages share the epochs equally")
    head_epochs: PositiveInt | None = Field(None, description="of stages on the frozen backbone; none: as the others")
    samples: PositiveInt | None = Field(
        None, description="training samples that the epochs may hold: fewer epochs on large sets; none: no limit"
    )
    batch_size: PositiveInt = Field(16, description="training images a step; the last, smaller batch is kept")
    accumulate: PositiveInt = Field(1, description="parts of a batch, one after the other: less memory")
    optimizer: str = Field(
        "adamw", description="adamw, adam (couples its weight decay, L2), sgd, or one of timm.optim.list_optimizers()"
    )
    lr: PositiveFloat = Field(1e-4, description="base learning rate; of what a method adds, where backbone_lr is set")
    backbone_lr: PositiveFloat | None = Field(None, description="of pre-trained weights, in every stage; none: as lr")
    layer_decay: float = Field(1.0, gt=0, le=1, description="factor of the rate for each layer below the last")
    batch_norm: Literal["train", "frozen"] = Field(
        "train", description="statistics of a backbone that trains: of each batch, or as pre-trained"
    )
    drop_path: float = Field(
        0.0, ge=0, lt=1, description="chance of leaving out a backbone's last block while it trains"
    )
    lr_grid: tuple[PositiveFloat, ...] = Field((), description="trials of the whole cell; validation picks; empty: lr")
    backbone_lr_grid: tuple[PositiveFloat, ...] = Field(
        (), description="of methods that train pre-trained weights: each of these with each of coarse_lr_grid, instead"
    )
    coarse_lr_grid: tuple[PositiveFloat, ...] = Field((), description="rates of what is added, beside backbone_lr_grid")
    search: Annotated[tuple[str, ...], BeforeValidator(written)] = Field(
        (), description="what trials try instead of lr_grid: 'lr=0.001|0.01', 'lr=0.0001..0.1', 'lora.rank=4|16'"
    )
    trials: PositiveInt | None = Field(
        None, description="of search, for every method, drawn by Optuna; none: every combination"
    )
    halve_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (), description="parts of a trial's last stage, where it trains the backbone, after which the worse half stops"
    )
    weight_decay: NonNegativeFloat = Field(1e-3, description="on every trainable tensor, but see no_decay")
    no_decay: bool = Field(False, description="none on vectors (biases, norms, scales), prompts and tokens")
    clip_norm: PositiveFloat | None = Field(None, description="largest norm of all gradients together; none: no limit")
    momentum: float = Field(0.9, ge=0, lt=1, description="beta1 of Adam and its kin, momentum of SGD and its")
    schedule: Literal["cosine", "released", "constant", "steps", "linear", "one_cycle"] = Field(
        "cosine", description="of the learning rate, per step; steps: a tenth after half, again after three quarters"
    )
    warmup_epochs: NonNegativeInt = Field(0, description="linear warm-up, in epochs, of every stage")
    stage2_lr: PositiveFloat = Field(0.1, description="learning rate of later stages, times lr")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of the cross-entropy")
    class_weight: Literal["balanced"] | None = Field(
        None, description="weight of a sample in the loss: n / (C n_c), as many times as its class c is rarer; none: 1"
    )
    resize: Literal["squash", "crop"] = Field("squash", description="both sides, or shorter side and centre crop")
    resize_to: PositiveInt | None = Field(
        None, description="shorter side of images in the cache, for crops; none: the input's size"
    )
    antialias: bool = Field(True, description="false: bilinear without antialiasing, as OpenCV resizes")
    normalisation: Literal["own", "clip", "imagenet", "half", "none"] = Field(
        "own", description="the weights' own mean and std, OpenAI CLIP's, ImageNet's, 0.5 and 0.5, or none: values 0..1"
    )
    augment: str | None = Field(None, description='of each sample: `bench list augmentations`, as "randaugment[n=2]"')
    near_black: bool = Field(False, description="repeat the released code's clipping defect in brightness/contrast")
    mixup: NonNegativeFloat = Field(
        0.0, description="alpha of the Beta distribution by which pairs of samples are mixed; 0: not"
    )
    cutmix: NonNegativeFloat = Field(0.0, description="the same, of pasted boxes; with mixup: one of them by turns")
    views: PositiveInt | None = Field(None, description="augmented views per image; none: fresh every epoch")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="of the forward pass; fp16: on CUDA, with a scaled loss"
    )
    checkpointing: bool = Field(False, description="activations of a backbone that trains are computed twice, not kept")
    compile: bool = Field(False, description="torch.compile for a backbone that trains: other rounding")
    patience: PositiveInt | None = Field(
        None, description="epochs without a better validation score after which a stage stops; none: all epochs"
    )
    loss: str = Field("", description="loss of the task, where not its first (regression: smooth_l1)")
    head: str = Field("", description="plain head of the task, where not its first (segmentation: segformer)")
    selection: Literal["val_best", "last"] = Field("val_best", description="which epoch is reported")
    select: str = Field("", description="metric that val_best and lr_grid go by, where not the task's headline")
    ties: Literal["earlier", "later"] = Field("earlier", description="which of equally good epochs is kept")

    @property
    def mixes(self) -> bool:
        """Whether training samples are mixed in pairs."""
        return self.mixup > 0 or self.cutmix > 0

    @property
    def tries(self) -> bool:
        """Whether a cell is several trials, of which validation data choose."""
        return bool(self.lr_grid or self.search)

    @property
    def distinct_views(self) -> int | None:
        """How many different inputs training makes of a sample; None: another one every epoch."""
        return None if self.mixes else 1 if self.augment is None else self.views

    @model_validator(mode="after")
    def _fields_apply(self) -> Self:
        """Fields without effect would give one result two names."""
        if self.near_black and self.augment is None:
            raise ValueError("near_black is a defect of an augmentation; there is none without one")
        if self.mixes and self.class_weight is not None:
            raise ValueError("class_weight weighs a sample by its class; mixup and cutmix give it two. Leave one out")
        if self.views is not None and self.augment is None:
            raise ValueError("views are augmented images; set augment, or leave views out")
        if self.select and self.selection == "last" and not self.tries:
            raise ValueError("select chooses epochs and trials; selection=last without lr_grid has nothing to choose")
        if self.patience is not None and self.selection == "last":
            raise ValueError("patience stops by the validation score, selection=last goes on: leave one of them out")
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate={self.accumulate} parts of a batch of {self.batch_size} are empty")
        self._check_grids()
        return self

    def _check_grids(self) -> None:
        """Every method must get as many trials as any other."""
        pairs = len(self.coarse_lr_grid) * len(self.backbone_lr_grid)
        if (self.coarse_lr_grid or self.backbone_lr_grid) and pairs != len(self.lr_grid):
            raise ValueError(
                f"coarse_lr_grid times backbone_lr_grid are {pairs} trials, lr_grid {len(self.lr_grid)}; give every "
                "method as many, or leave the first two empty"
            )
        if self.halve_at and not self.tries:
            raise ValueError("halve_at stops trials; set lr_grid or search, or leave halve_at out")
        if self.search and self.lr_grid:
            raise ValueError("search and lr_grid both say what trials try; leave one out, as lr_grid=[]")
        if self.trials is not None and not self.search:
            raise ValueError("trials says how many points of search are tried; set search, or leave trials out")
        axes(self.search)


def fingerprint(recipe: Recipe, name: str) -> str:
    """Hash of the fields that one of `FINGERPRINTS` covers and that differ from their defaults.

    A new field whose default changes nothing leaves every fingerprint as it is.
    """
    fields = FINGERPRINTS[name]
    values = recipe.model_dump(mode="json", exclude_defaults=True, include=None if fields is None else set(fields))
    text = ",".join(f"{key}={format_value(value)}" for key, value in sorted(values.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def points(recipe: Recipe, method: str, trains_backbone: bool, seed: int = 0) -> list[Point]:
    """What the trials of a cell differ in, as many for every method: a point of the grid each, or one without.

    Args:
        method: Its name, whose fields may be searched.
        trains_backbone: Whether the method trains pre-trained weights, whose rate is then part of the grid.
        seed: Draws the points of a search.

    Raises:
        UsageError: As `search_points`.
    """
    if recipe.search:

        def applies(name: str) -> bool:
            return name.partition(".")[0] == method if "." in name else trains_backbone or name != "backbone_lr"

        return search_points(recipe.search, recipe.trials, applies, seed, method)
    if trains_backbone and recipe.backbone_lr_grid:
        return [{"lr": lr, "backbone_lr": own} for lr, own in product(recipe.coarse_lr_grid, recipe.backbone_lr_grid)]
    own_rate = {} if recipe.backbone_lr is None else {"backbone_lr": recipe.backbone_lr}
    return [{"lr": lr, **own_rate} for lr in recipe.lr_grid] or [{}]


def at(recipe: Recipe, point: Point) -> Recipe:
    """The recipe of one trial.

    Raises:
        UsageError: A value is out of range.
    """
    if not recipe.tries:
        return recipe
    single: dict[str, Any] = {**dict.fromkeys(GRIDS, ()), "trials": None}
    return Recipe.build("search", {**recipe.model_dump(), **single, **fields_of(point)})


def sized(recipe: Recipe, train: int) -> Recipe:
    """The recipe with as many epochs as its `samples` allow for so many training samples, at least one.

    Its `head_epochs` shrink in proportion.
    """
    if recipe.samples is None:
        return recipe
    epochs = min(recipe.epochs, max(1, recipe.samples // max(train, 1)))
    heads = recipe.head_epochs and max(1, round(recipe.head_epochs * epochs / recipe.epochs))
    return recipe.model_copy(update={"epochs": epochs, "head_epochs": heads})
