"""`<ctc-panel>`: TypeScript sources in `src/`, built into `static/` when the package is installed (`build.py`)."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SCRIPT"]

#: The built module; not there when npm could not be reached while installing.
SCRIPT = Path(__file__).parent / "static" / "ctc-panel.js"
