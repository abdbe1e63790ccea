"""SIPp and baresip from the distribution's archive, unpacked privately and run through their own loader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ctc_ari.runtime import packages

__all__ = ["Tools", "tools"]


@dataclass(frozen=True)
class Tools:
    """How to start the phones; each argv is followed by the program's own options."""

    sipp: tuple[str, ...]
    baresip: tuple[str, ...]
    baresip_modules: Path


@cache
def tools() -> Tools:
    """The phones' programs, fetched into the cache the first time (about 10 s). Raises PackageError.

    They come from Debian's `sid`, or from the host's own release on Ubuntu; `CTC_PHONES_SUITE` names another, and
    `host` means the host's own. SIPp 3.6 to 3.8 and baresip 1.0 and 1.1 were tried.
    """
    suite = os.environ.get("CTC_PHONES_SUITE") or ("sid" if packages.host_release()[0] == "debian" else "host")
    folder = packages.cache_dir() / f"phones-{suite}"
    root = packages.fetch(["sip-tester", "baresip-core"], folder, suite=None if suite == "host" else suite)
    modules = next(root.glob("usr/lib/**/baresip/modules"))
    return Tools(
        sipp=packages.argv(root, "usr/bin/sipp"),
        baresip=packages.argv(root, "usr/bin/baresip"),
        baresip_modules=modules,
    )
