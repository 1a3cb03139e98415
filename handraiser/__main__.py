"""`python -m handraiser`: the command line, also where the script `handraiser` is not on the PATH."""

from handraiser.cli import main

main()
