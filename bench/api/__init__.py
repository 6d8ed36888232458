"""What the program does, as functions: ``bench.run`` and its like. The command line and a notebook call the same.

One file a function; `bench` gives them on first use. None imports torch before it must.
"""
