"""`python -m rostra_adapters.cli`."""

from rostra_adapters.cli import main

main(prog_name="rostra")
