"""Chromium from the distribution's archive, unpacked privately, with a microphone that plays a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from ctc_ari.runtime import packages

__all__ = ["launched"]

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--font-render-hinting=none",
)
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir>
<alias><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias><family>sans-serif</family><prefer><family>Inter</family></prefer></alias></fontconfig>
"""


@cache
def _chromium() -> tuple[Path, dict[str, str]]:
    """The program and the environment it runs in, fetched the first time (100 MB). Raises PackageError."""
    folder = packages.cache_dir() / "chromium-host"
    root = packages.fetch(["chromium", "fonts-inter"], folder, suite=None)
    libraries = packages.library_dir(root)
    places = (libraries, root / "lib" / libraries.name, libraries / "pulseaudio", root / "usr/lib/chromium")
    fonts = root / "fonts.conf"
    fonts.write_text(_FONTS.format(fonts=root / "usr/share/fonts", cache=root / "font-cache"), encoding="utf-8")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(str(place) for place in places if place.is_dir()),
        "FONTCONFIG_FILE": str(fonts),
        "TZ": "UTC",
    }
    program = next(path for path in root.glob("usr/lib/chromium*/chromium*") if os.access(path, os.X_OK))
    subprocess.run([program, "--version"], env=environment, check=True, capture_output=True)
    return program, environment


@asynccontextmanager
async def launched(*flags: str, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser without windows; its microphone plays that WAV file over and over, or beeps."""
    program, environment = _chromium()
    plays = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(program), headless=True, env={**environment}, args=[*_FLAGS, *plays, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()
