"""What is choosing worth? Few-shot methods chosen on four validation labels a class, on all, and on the test split.

Oxford Pets and Caltech101 on CLIP ViT-B/32 features, the given supports of 4 and 16 rows a class. Trained methods
choose the epoch and one of four rates; closed forms their strengths by the released grids: Tip-Adapter 4,000 settings,
APE 80,000, GDA seven, LP++ one of 300 epochs. The fourth way, without a label, is `few_shot_unselected`. Rows of
``test_selected_k`` carry a warning and stand apart.

``bench plot selection "clip_features[subset=oxford_pets,protocol=*_16]"`` for the figure.
"""

dataset = [
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], protocol=["listed_4", "listed_16"], val_shots=4),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], protocol=["listed_4", "listed_16"]),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], protocol=["test_selected_4", "test_selected_16"]),
]
backbone = "cached"
recipe = "few_shot"
methods = [
    "majority",
    "knn",
    "zero_shot",
    "tip_adapter",
    "tip_adapter_f",
    "clip_adapter",
    "taskres",
    "text_probe",
    "clap",
    dict(name="graph_adapter", image_nodes="unit_scaled"),
    "lathadapter",
    "gda",
    "lp_plus_plus",
    "rla",
    "cross_modal_probe",
    "ape",
    "ape_t",
    "meta_adapter",
    "attn_adapter",
    "sgva",
]
seeds = [0, 1, 2]
