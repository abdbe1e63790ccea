"""`asterisk-config/`, filled in and written to where an Asterisk can be started with it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

import jinja2

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime.asterisk_values import template_values
from ctc_ari.runtime.installation import Installation

__all__ = ["render", "run_dir", "templates"]

#: Files that hold a password.
SECRET_FILES = frozenset({"ari.conf", "pjsip.conf", "cdr_pgsql.conf", "cel_pgsql.conf"})
#: `sun_path` in sys/un.h has 108 bytes, one of them a final zero; Asterisk cuts longer paths without a word.
_SOCKET_PATH_MAX = 107
_FOLDER = "asterisk-config"


def templates() -> Path:
    """The folder of templates: beside the package in a checkout, inside it once installed. Raises SetupError."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "asterisk_config", package.parent / _FOLDER):
        if (folder / "asterisk.conf").is_file():
            return folder
    raise SetupError(f"the folder {_FOLDER} is missing: install ctc-ari again")


def render(
    config: Config,
    out: Path,
    installation: Installation,
    *,
    carrier_bind: str | None = None,
    records: str | None = None,
) -> None:
    """Writes every file Asterisk needs to `out`, and the folders it writes to below that.

    `carrier_bind`, such as 127.0.0.1:5070, adds the simulated carrier of the demo. `records` is the URL of the database
    that Asterisk writes its CDR and CEL to; without one it writes none. Raises SetupError.
    """
    values = template_values(config, installation, carrier_bind, records)
    out = out.absolute()
    values["folder"] = _make_folders(out, installation)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - not HTML; `finalize` refuses what could leave its line
        finalize=_finalize,
        keep_trailing_newline=True,
        # A line of Jinja is an Asterisk comment, and nothing in a dialplan looks like one.
        line_statement_prefix=";%",
        block_start_string="<%%",
        block_end_string="%%>",
        comment_start_string="<##",
        comment_end_string="##>",
    )
    for name in environment.list_templates(extensions=["conf"]):
        try:
            text = environment.get_template(name).render(values)
        except _Unsafe as error:
            raise SetupError(
                f"{name} cannot hold a value {error}: leave out line breaks and spaces at its ends"
            ) from None
        _write(out / name, text, 0o600 if name in SECRET_FILES else 0o644)


class _Unsafe(Exception):
    pass


def _finalize(value: object) -> str:
    """Whatever stands in {{ }} stays within its line: no line break, no comment, nothing Asterisk would trim away."""
    text = str(value)
    if re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", text) or text != text.strip():
        # Not the value itself, which may be a password.
        raise _Unsafe(f"one of the configured values, {len(text)} characters long")
    return text.replace(";", "\\;")


def _write(path: Path, text: str, mode: int) -> None:
    """Never readable by others for a moment, and never half written."""
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    partial.touch(mode=mode, exist_ok=False)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def run_dir(out: Path) -> Path:
    """Where Asterisk's control socket goes: `out`/run, or a short folder of our own where that path is too long."""
    inside = out.absolute() / "run"
    if len(os.fsencode(inside / "asterisk.ctl")) <= _SOCKET_PATH_MAX:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"ctc-{os.geteuid()}-{name}"


def _make_folders(out: Path, installation: Installation) -> dict[str, Path]:
    folders = {name: out / name for name in ("var", "data", "spool", "log")}
    folders |= {"etc": out, "run": run_dir(out)}
    try:
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for below in ("recording", "monitor", "tmp"):
            (folders["spool"] / below).mkdir(exist_ok=True)
        for below in ("cdr-csv", "cel-custom"):
            (folders["log"] / below).mkdir(exist_ok=True)
        (folders["var"] / "keys").mkdir(exist_ok=True)
        status = folders["run"].lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise SetupError(f"{folders['run']}: belongs to somebody else; remove it")
        _link_data(folders["data"], installation.data)
    except OSError as error:
        raise SetupError(f"{error.filename or out}: {error.strerror}") from None
    return {**folders, "modules": installation.modules}


def _link_data(data: Path, shared: Path) -> None:
    """Asterisk's own data folder, with the sounds under the plain name `en` whatever the package calls them."""
    (data / "sounds").mkdir(exist_ok=True)
    links = {data / name: shared / name for name in ("documentation", "moh", "rest-api")}
    spoken = [shared / "sounds" / name for name in ("en", "en_US_f_Allison", "en_US")]
    links[data / "sounds" / "en"] = next((folder for folder in spoken if folder.is_dir()), spoken[0])
    for link, target in links.items():
        if link.is_symlink():
            link.unlink()
        link.symlink_to(target)
