"""Click-to-call for support teams on Asterisk."""

__version__ = "0.1.0"
