"""What pyproject.toml cannot say: Asterisk's templates stand beside the package in the checkout."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["ctc_ari", "ctc_ari.*"]), "ctc_ari.asterisk_config"],
    package_dir={"ctc_ari": "ctc_ari", "ctc_ari.asterisk_config": "asterisk-config"},
    package_data={
        "ctc_ari": ["py.typed"],
        "ctc_ari.asterisk_config": ["*.conf"],
        "ctc_ari.http": ["*.yaml", "*.html", "*.css"],
        "ctc_ari.store": ["*.sql", "migrations/*.mako", "migrations/*.py"],
    },
)
