"""Your own images with a number each: which way of adapting a small CNN predicts it best.

    bench run own_numbers -o "dataset=csv_images[path=ages.csv,task=regression,label_column=age]" --data data

Trivial baselines are the training mean (`majority`) and the nearest neighbours' mean; then ridge regression and four
trained methods on `lite0`, which comes with the package, at 112 px, three seeds; learning rates are compared on the
validation split (recipe `own`). ``-o 'recipe="own[loss=smooth_l1]"'`` heeds outliers less.
"""

_base_ = "own_labels.py"

dataset = "csv_images[task=regression]"
