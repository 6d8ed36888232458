"""Tables of samples: splits, subsets, groups, names, identity."""
