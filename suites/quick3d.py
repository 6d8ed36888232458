"""What the embedded default shows of volumes: floors and trained methods on a third of VesselMNIST3D."""

dataset = "medmnist[subset=vesselmnist3d,fraction=0.3]"
backbones = ["pico[lift=slices,depth=14,size=32]", "pico[lift=inflate,depth=14,depth_stride=2,size=32]"]
recipe = "quick"
epochs = 3
head_epochs = 40
lr = 5e-3
backbone_lr = 1e-3
batch_size = 10
ties = "later"  # validation accuracies tie near the most frequent class, and the first epoch is the least trained one
methods = [
    "majority",
    "knn",
    "geometry",
    "ridge",
    "linear_probe",
    "full_finetune",
    dict(name="cladapter", k=5, bottleneck=64, tuning=["frozen", "staged"]),
]
seeds = [0]
