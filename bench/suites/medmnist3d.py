"""All six sets of MedMNIST v2 in 3D, at 28 voxels: slices against an inflated model, with K of CLAdapter swept.

Published by the authors (networks trained from scratch or found by a search; the runs averaged are not stated):

    AUC / accuracy organ       nodule      fracture    adrenal     vessel      synapse
    ResNet-18 2.5D .977/.788   .838/.835   .587/.451   .718/.772   .748/.846   .634/.696
    ResNet-18 3D   .996/.907   .863/.844   .712/.508   .827/.721   .874/.877   .820/.745
    ResNet-18 ACS  .994/.900   .873/.847   .714/.497   .839/.754   .930/.928   .705/.722
    ResNet-50 2.5D .974/.769   .835/.848   .552/.397   .732/.763   .751/.877   .669/.735
    ResNet-50 3D   .994/.883   .875/.847   .725/.494   .828/.745   .907/.918   .851/.795
    ResNet-50 ACS  .994/.889   .886/.841   .750/.517   .828/.758   .912/.858   .719/.709
    auto-sklearn   .977/.814   .914/.874   .628/.453   .828/.802   .910/.915   .631/.730
    AutoKeras      .979/.804   .844/.834   .642/.458   .804/.705   .773/.894   .538/.724

The most frequent class alone has an accuracy of .768 on Adrenal and of .887 on Vessel, which 6 and 4 of the 8 published
ones do not reach: look at all three metrics, ``bench table medmnist --metrics accuracy,balanced_accuracy,auc``. Those
networks are here too, with random weights (``bench show untrained``), for whoever has the days on a GPU:
``bench run --claims medmnist_v2`` trains them as published, where that is stated, and ``bench verify medmnist_v2`` says
what arithmetic and records say of all 96 numbers.

Other sizes and sets by ``-o``, such as ``-o "dataset=medmnist[subset=adrenalmnist3d]" -o epochs=1``; the files come by
``bench data fetch "medmnist[subset=...]"``, VesselMNIST3D ships with the package.
"""

datasets = [
    "medmnist[subset=organmnist3d]",
    "medmnist[subset=nodulemnist3d]",
    "medmnist[subset=fracturemnist3d]",
    "medmnist[subset=adrenalmnist3d]",
    "medmnist[subset=vesselmnist3d]",
    "medmnist[subset=synapsemnist3d]",
]
backbones = ["pico[lift=slices,size=64]", "pico[lift=inflate,size=64]"]
recipe = "quick"
epochs = 10
head_epochs = 40
backbone_lr = 2e-4
ties = "later"  # validation accuracies of small, unbalanced sets tie, and the first epoch is the least trained one
methods = [
    "majority",
    "knn",
    "geometry",
    "ridge",
    "linear_probe",
    "full_finetune",
    dict(name="cladapter", k=[5, 10, 20, 50], tuning=["frozen", "staged"]),
]
seeds = [0, 1, 2]
