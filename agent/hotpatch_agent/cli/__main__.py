"""`python -m hotpatch_agent.cli`: the command line where the console script is not on the path."""

import sys

from hotpatch_agent.cli.main import main

sys.exit(main())
