"""Bodies of the commands in `bench.cli`; each module imports only what its command needs."""
