"""AdrenalMNIST3D and VesselMNIST3D at 28 voxels, slices against an inflated model; 3 seeds.

14 slices of 32 px on `pico`. Published rows of MedMNIST's authors stand beside (docs/volumes.md). Two epochs of the
backbone, each of 1,188 or 1,335 volumes, and twenty of heads are what two cores carry.

``bench table medmnist --stages --metrics accuracy,balanced_accuracy,auc`` for the numbers.
"""

_base_ = "medmnist3d.py"

datasets = ["medmnist[subset=adrenalmnist3d]", "medmnist[subset=vesselmnist3d]"]
backbones = ["pico[lift=slices,depth=14,size=32]", "pico[lift=inflate,depth=14,depth_stride=2,size=32]"]
epochs = 2
warmup_epochs = 0
head_epochs = 20
backbone_lr = 5e-4
methods = [
    "majority",
    "knn",
    "geometry",
    "ridge",
    "linear_probe",
    "full_finetune",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
