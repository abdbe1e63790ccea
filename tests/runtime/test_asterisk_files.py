"""What is written for Asterisk, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk
from ctc_ari.runtime.asterisk import Installation
from tests.phones import free_port
from tests.runtime.conftest import MakeConfig
from tests.runtime.pbx import ALICE, ari


def test_every_template_is_rendered_and_passwords_are_for_the_owner_only(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(password="hunter2", agents=[{**ALICE, "sip_password": "hunter3"}])
    asterisk.render(config, tmp_path / "out", installation)
    written = {path.name: path for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert set(written) == {path.name for path in asterisk.templates().glob("*.conf")}
    for name, path in written.items():
        text = path.read_text()
        assert "{{" not in text.replace("{{ … }}", "")
        assert ";%" not in text.replace("`;%`", "")
        if "hunter" in text:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, name


@pytest.mark.parametrize("password", ["two\nlines", "carriage\rreturn", " padded ", "null\0", "nel\x85"])
def test_a_value_that_could_leave_its_line_is_refused_without_telling_it(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, password: str
) -> None:
    with pytest.raises(SetupError, match=r"ari\.conf cannot hold") as caught:
        asterisk.render(make_config(password=password), tmp_path / "out", installation)
    assert password.strip() not in caught.value.message
    assert "\n" not in caught.value.message


async def test_a_password_of_special_characters_is_the_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(password=";[general](!)=>#\\;--;\"'${X} {{ x }} é")
    async with asterisk.running(config, tmp_path / "out", installation), ari(config) as session:
        assert (await session.get("ari/asterisk/info")).status == 200


def test_a_phone_that_registers_from_elsewhere_needs_a_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(agents=[ALICE], sip_bind=f"0.0.0.0:{free_port()}")
    with pytest.raises(SetupError, match=r"agents\[0\]\.sip_password: is missing"):
        asterisk.render(config, tmp_path / "out", installation)


def test_nobody_elsewhere_is_taken_for_a_phone_without_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    agent = {**ALICE, "contact": "sip:1001@192.0.2.7"}
    asterisk.render(make_config(agents=[agent], sip_bind="0.0.0.0:5060"), tmp_path / "out", installation)
    section = (tmp_path / "out" / "pjsip.conf").read_text().split("[1001](phone)")[1].split("\n[")[0]
    assert "identify_by = header" in section


def test_two_agents_cannot_share_an_endpoint(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    agents = [ALICE, {"email": "bob@example.com", "extension": "2", "desk_endpoint": "PJSIP/1001"}]
    with pytest.raises(SetupError, match=r"agents\[1\]: the endpoint `1001` is taken"):
        asterisk.render(make_config(agents=agents), tmp_path / "out", installation)
    with pytest.raises(SetupError, match="`trunk` is taken"):
        asterisk.render(make_config(agents=[{**ALICE, "desk_endpoint": "trunk"}]), tmp_path / "out", installation)


@pytest.mark.parametrize(
    ("contact", "match"),
    [
        ("sip:127.0.0.1:5070", "127.0.0.1:5070"),
        ("sip:carrier@localhost", "127.0.0.1:5060"),
        ("sip:[::1]:5070", "[::1]:5070"),
        ("sip:127.0.0.2:5070", "127.0.0.2"),
        ("sip:192.0.2.1:5060;transport=tcp", "192.0.2.1"),
        ("sip:[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_carrier_is_known_by_its_address_and_where_phones_share_it_by_its_port(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, contact: str, match: str
) -> None:
    asterisk.render(make_config(trunk_contact=contact), tmp_path / "out", installation)
    text = (tmp_path / "out" / "pjsip.conf").read_text()
    assert f"contact = {contact}".replace(";", "\\;") in text
    assert f"endpoint = trunk\nmatch = {match}\n" in text


def test_no_module_that_reaches_a_shell_a_file_or_the_network_is_loaded(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    asterisk.render(make_config(), tmp_path / "out", installation)
    text = (tmp_path / "out" / "modules.conf").read_text()
    assert "autoload = no" in text
    for module in ("func_shell", "func_curl", "func_env", "app_system", "pbx_spool", "res_agi", "app_exec", "manager"):
        assert f"{module}.so" not in text


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:8089/ari", "http://127.0.0.1:8088/", "http://127.0.0.1:8088/a b/ari"]
)
def test_an_address_asterisk_cannot_serve_names_its_key(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, url: str
) -> None:
    config = make_config(nodes=[{"name": "pbx1", "ari_url": url, "password": "x"}])
    with pytest.raises(SetupError, match=r"asterisk\.nodes\[0\]\.ari_url: "):
        asterisk.render(config, tmp_path / "out", installation)
