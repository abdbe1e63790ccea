"""For all tests: the service logs warnings and worse, nothing else."""

from __future__ import annotations

import logging

from ctc_ari import logs

logs.configure(level=logging.WARNING, readable=True)
