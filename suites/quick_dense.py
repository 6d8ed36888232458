"""What the embedded default of dense tasks shows."""

dataset = "digits_scene"
backbone = "pico"
recipe = "quick"
epochs = 8
methods = ["linear_probe", "bitfit", "full_finetune"]
seeds = [0, 1]
