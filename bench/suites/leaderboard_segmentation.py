"""Hippocampus slices, 5 folds by patient: VFM-Adapter and what it is compared with, on DeiT-Tiny, tuned alike.

An eighth of the slices of the training and validation patients (about 155 and 54), all slices of the test patients;
128 px; the linear head. Each fold is one run, so that all 60 patients are tested once.

``bench table hippocampus_slices --metrics miou,dice`` shows the folds and their average.
"""

dataset = [
    dict(
        name="hippocampus_slices",
        protocol=["fold0", "fold1", "fold2", "fold3", "fold4"],
        fraction=0.12,
        val_fraction=0.12,
    )
]
backbone = "deit_tiny"
image_size = 128
recipe = "tuned_small"
methods = [
    "majority_pixel",
    "linear_probe",
    "bitfit",
    "lora",
    "adaptformer",
    "mona",
    "vfm_adapter",
    "full_finetune",
]
seeds = [0]
