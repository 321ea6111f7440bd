"""`python -m deploy` is the `muster` command."""

from deploy.cli import main

main()
