"""`python bench/run.py`: the benchmark; --help says what it can do."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # was bench/ itself

from bench.command import main  # noqa: E402

sys.exit(main())
