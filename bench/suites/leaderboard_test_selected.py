"""How optimistic is it to select on the test split? 16 shots, the same supports, epoch and rate chosen on either.

Oxford Pets and Caltech101 on CLIP ViT-B/32 features: ``listed_16`` chooses on the validation split, as everything else
here, ``test_selected_16`` on the test split, as the released code of several methods does. Rows of the latter are
marked and stand in blocks of their own.
"""

dataset = dict(
    name="clip_features", subset=["oxford_pets", "caltech101"], protocol=["listed_16", "test_selected_16"], val_shots=4
)
backbone = "cached"
recipe = "few_shot"
methods = ["majority", "knn", "zero_shot", "tip_adapter", "tip_adapter_f", "clip_adapter", "taskres", "text_probe"]
seeds = [0, 1, 2]
