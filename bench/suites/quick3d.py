"""What the embedded default shows of volumes: methods on a third of VesselMNIST3D's training split.

No network and no download: 400 vessel segments for training and 382 for testing, an eighth with an aneurysm, at 28
voxels, as 14 slices of 32 px on the embedded backbone `pico`, one seed; about two minutes on two cores. To answer
"vessel" always has an accuracy of 88.7 %, and all methods lie within two points of it, so look at the AUC (in percent):

    bench table medmnist --metrics accuracy,balanced_accuracy,auc

                                slices   inflated
    majority                      50        50
    knn                           79        79
    geometry                      76        76
    ridge                         84        80
    linear_probe                  82        79
    full_finetune                 75        73
    cladapter[tuning=frozen]      81        78
    cladapter, staged             82        75

382 test volumes, 43 with an aneurysm, leave about seven points on either side. Three epochs do not bring the backbone
far: what trains it is no better than volume and extents of the vessel (`geometry`), and a head on the frozen backbone
is.
"""

dataset = "medmnist[subset=vesselmnist3d,fraction=0.3]"
backbones = ["pico[lift=slices,depth=14,size=32]", "pico[lift=inflate,depth=14,depth_stride=2,size=32]"]
recipe = "quick"
epochs = 3
head_epochs = 40
lr = 5e-3
backbone_lr = 1e-4
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
