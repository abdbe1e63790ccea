"""How many connections the kernel lets this process have."""

from __future__ import annotations

import resource

__all__ = ["allow_many"]

#: A thousand listeners and as many calls need a tenth of it.
WANTED = 65_536


def allow_many() -> int:
    """Raise the soft limit of open files, often 1,024, as far as the hard limit lets us; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft
