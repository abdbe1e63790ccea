"""`ctc-ari`, the command."""

from ctc_ari.cli.main import main

__all__ = ["main"]
