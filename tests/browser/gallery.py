"""Puts the pictures of `looks/` side by side for docs/panel.md: `python -m tests.browser.gallery`."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from tests.browser.chromium import launched

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "docs" / "images"
#: File name -> the states in it.
ROWS = {
    "panel": ("idle", "offered", "talking", "consult", "notes"),
    "panel-dark": ("idle-dark", "offered-dark", "talking-dark", "consult-dark", "notes-dark"),
    "panel-before": ("first-day", "missed", "search", "search-nobody", "keypad", "settings"),
    "panel-ringing": ("desk-rings", "customer-rings", "offered-desk", "offered-unknown", "offered-withheld", "line"),
    "panel-talking": ("muted-recording", "held", "supervised", "keys", "hostile", "sound-elsewhere"),
    "panel-transfer": (
        "transfer", "consult-rings", "consult-swapped", "transfer-failed", "handover", "handover-talking",
    ),
    "panel-after": ("notes", "unanswered", "notes-kept", "refused", "popped-out", "signed-out"),
    "panel-trouble": (
        "service-lost", "asterisk-lost", "database-lost", "phone-lost", "microphone-missing", "elsewhere",
    ),
}  # fmt: skip
#: Pixels of a picture's height.
HEIGHT = 560


async def main() -> None:
    """Draws them all."""
    IMAGES.mkdir(exist_ok=True)
    async with launched() as browser:
        for name, states in ROWS.items():
            data = [base64.b64encode((HERE / "looks" / f"{state}.png").read_bytes()).decode() for state in states]
            pictures = "".join(f'<img height="{HEIGHT}" src="data:image/png;base64,{each}">' for each in data)
            page = await browser.new_page(viewport={"width": 2400, "height": HEIGHT})
            await page.set_content(f'<div style="display: inline-flex; gap: 16px">{pictures}</div>')
            (IMAGES / f"{name}.png").write_bytes(await page.locator("div").screenshot(omit_background=True))
            await page.close()


if __name__ == "__main__":
    asyncio.run(main())
