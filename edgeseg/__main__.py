"""``python -m edgeseg`` is the command line ``edgeseg``."""

from edgeseg.cli import main

if __name__ == "__main__":
    main()
