"""What the embedded default shows of dense tasks: segmentation of digits on a canvas, on 120 scenes.

No network and no download: scenes made from scikit-learn's digits on the embedded backbone `pico`, two seeds; the
trivial baseline gives every pixel the background. Test mIoU in percent, mean of the seeds:

    majority_pixel                    15
    linear_probe                      26
    bitfit                            27
    cladapter[k=5,tuning=frozen]      28
    full_finetune                     31

60 scenes resolve about ten points, so only the trivial baseline is clearly worse. `bench run quick_objects` finds
boxes and masks on the same scenes.
"""

dataset = "digits_scene"
backbone = "pico"
recipe = "quick"
epochs = 10
batch_size = 8
methods = [
    "majority_pixel",
    "linear_probe",
    "bitfit",
    "full_finetune",
    dict(name="cladapter", tuning="frozen", k=5),
]
seeds = [0, 1]
