"""`leaderboard_pacs` on DeiT-Tiny for the adaptation methods of the literature: adapters, changed weights, side paths.

``bench plot pareto`` puts accuracy over trained parameters; `perf/README.md` has what each costs to train.
"""

_base_ = "leaderboard_pacs.py"

backbones = ["deit_tiny"]
methods = [
    "majority",
    "knn",
    dict(name="adapter", place=["houlsby", "pfeiffer", "intermediate", "plus"]),
    "convpass",
    dict(name="fact", form=["tt", "tk"]),
    "repadapter",
    "arc",
    "bi_adaptformer",
    "compacter",
    "lst",
    dict(name="dtl", plus=[False, True]),
    "loha",
    "lokr",
    "adalora",
    "oft",
    "boft",
    "hra",
    "ia3",
    "vera",
    "randlora",
    "fourierft",
]
