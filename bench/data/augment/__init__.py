"""From cached arrays to augmented batches, each sample by its own chance."""
