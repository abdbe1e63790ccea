"""Chromium from the distribution's archive, unpacked privately, with a microphone that plays a file."""

from __future__ import annotations

import os
import subprocess
import sys
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
def _chromium() -> tuple[str | None, dict[str, str]]:
    """The program and the environment it runs in; no program: Playwright's own, as on Ubuntu, whose archive has none.

    Fetched the first time (100 MB). `CTC_CHROMIUM` names another one. Raises PackageError.
    """
    environment = {**os.environ, "TZ": "UTC"}
    if given := os.environ.get("CTC_CHROMIUM"):
        return given, environment
    if packages.host_release()[0] != "debian":
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
        return None, environment
    root = packages.fetch(["chromium", "fonts-inter"], packages.cache_dir() / "chromium-host", suite=None)
    libraries = packages.library_dir(root)
    places = (libraries, root / "lib" / libraries.name, libraries / "pulseaudio", root / "usr/lib/chromium")
    fonts = root / "fonts.conf"
    fonts.write_text(_FONTS.format(fonts=root / "usr/share/fonts", cache=root / "font-cache"), encoding="utf-8")
    environment["LD_LIBRARY_PATH"] = ":".join(str(place) for place in places if place.is_dir())
    environment["FONTCONFIG_FILE"] = str(fonts)
    return str(root / "usr/lib/chromium/chromium"), environment


@asynccontextmanager
async def launched(*flags: str, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser without windows; its microphone plays that WAV file over and over, or beeps."""
    program, environment = _chromium()
    plays = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, headless=True, env={**environment}, args=[*_FLAGS, *plays, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()
