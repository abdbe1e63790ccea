"""What pyproject.toml cannot say: Asterisk's templates stand beside the package, and the panel is built first."""

import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithPanel(build_py):
    """Without npm's registry the package is built without the panel, and says so."""

    def run(self):
        subprocess.run([sys.executable, Path(__file__).parent / "ctc_ari" / "panel" / "build.py"], check=False)
        super().run()


setup(
    cmdclass={"build_py": BuildWithPanel},
    #: MANIFEST.in is for the source archive; a wheel holds what runs.
    include_package_data=False,
    packages=[*find_packages(include=["ctc_ari", "ctc_ari.*"]), "ctc_ari.asterisk_config"],
    package_dir={"ctc_ari": "ctc_ari", "ctc_ari.asterisk_config": "asterisk-config"},
    package_data={
        "ctc_ari": ["py.typed"],
        "ctc_ari.asterisk_config": ["*.conf"],
        "ctc_ari.demo.desk": ["*.html", "*.css", "*.js", "*.svg"],
        "ctc_ari.http": ["*.yaml", "*.html", "*.css", "*.js"],
        "ctc_ari.panel": ["static/*.js"],
        "ctc_ari.store": ["*.sql", "migrations/*.mako", "migrations/*.py"],
    },
)
