"""`python -m ctc_ari` is `ctc-ari`."""

from __future__ import annotations

import sys

from ctc_ari.cli import main

if __name__ == "__main__":
    sys.exit(main())
