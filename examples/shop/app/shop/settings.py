"""Settings come from the environment, and from nowhere else."""

from __future__ import annotations

import os
import sys


def required(*names: str) -> list[str]:
    """The values of these variables. Ends the program, naming all that are missing."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        sys.exit(f"not set: {', '.join(missing)}. shop.plat gives this program its environment: start it with platc")
    return [os.environ[name] for name in names]
