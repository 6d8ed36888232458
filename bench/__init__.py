"""AdaptBench: a benchmark suite for adapting pre-trained vision models to data-limited domains."""
