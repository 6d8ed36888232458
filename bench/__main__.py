"""``python -m bench``: the command line where no script is on the path."""

from bench.cli.app import main

if __name__ == "__main__":
    main()
