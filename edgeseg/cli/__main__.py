"""``python -m edgeseg.cli``."""

from edgeseg.cli import main

main()
