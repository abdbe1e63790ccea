"""Values that cannot work, and those that work but hardly as meant."""

from __future__ import annotations

import pytest

from ctc_ari.config import load
from ctc_ari.config_rules import warnings
from tests.config.files import problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 70000}", "server.port: must be from 0 to 65535, not 70000"),
        ("server: {allowed_origins: ['https://crm.example.com/']}", "server.allowed_origins[0]: must be scheme, host"),
        ("webrtc: {ice_servers: [{urls: ['http://x']}]}", "webrtc.ice_servers[0].urls[0]: must be like stun:"),
        ("webrtc: {ice_servers: [{urls: []}]}", "webrtc.ice_servers[0].urls: must name"),
        ("webrtc: {ice_servers: [{urls: ['turn:x']}]}", "webrtc.ice_servers[0]: a TURN server needs username"),
        ("webrtc: {ice_servers: [{urls: ['turn:x'], username: u}]}", "webrtc.ice_servers[0]: has a username without"),
        ("server: {trusted_proxies: [proxy]}", "server.trusted_proxies: `proxy` is not an address or network"),
        ("server: {public_url: calls.example.com}", "server.public_url: must look like https://"),
        ("database: {url: mysql://root:secret@x/y}", "database.url: must be `embedded` or postgresql://"),
        ("asterisk: {nodes: []}", "asterisk.nodes: must name at least one Asterisk"),
        ("asterisk: {nodes: [{name: a}, {name: a}]}", "asterisk.nodes: two nodes have the same name"),
        ("asterisk: {nodes: [{ari_url: pbx}]}", "asterisk.nodes[0].ari_url: must look like http"),
        ("asterisk: {nodes: [{ari_url: 'http://u:secret@h/ari'}]}", "asterisk.nodes[0].ari_url: must look like http"),
        ("asterisk: {nodes: [{password: ''}]}", "asterisk.nodes[0].password: must be one line"),
        ("asterisk: {nodes: [{ari_url: 'http://pbx/ari'}]}", "asterisk.nodes[0].password: is still the one everybody"),
        ("asterisk: {trunk: PJSIP/trunk}", "asterisk.trunk: must contain {number} or {e164}"),
        ("asterisk: {trunk: 'PJSIP/{number}@a&PJSIP/b'}", "asterisk.trunk: must be one dial string"),
        ("asterisk: {trunk: '{number}'}", "asterisk.trunk: must be one dial string"),
        ("asterisk: {app: 'a b'}", "asterisk.app: must be letters"),
        ("asterisk: {trunk_contact: carrier}", "asterisk.trunk_contact: must be like sip:carrier"),
        ("asterisk: {caller_id: anna}", "asterisk.caller_id: must be a number"),
        ("asterisk: {sip_bind: localhost}", "asterisk.sip_bind: must be address:port"),
        ("asterisk: {ring_timeout: {agent: 0}}", "asterisk.ring_timeout.agent: must be from 1 to 600"),
        ("asterisk: {max_call_seconds: 0}", "asterisk.max_call_seconds: must be from 1"),
        ("numbers: {allowed_regions: [UK]}", "numbers.allowed_regions: `UK` is not a region"),
        ("limits: {calls_per_second: 0}", "limits.calls_per_second: must be from 1"),
        ("webhooks: {keep_days: 1}", "webhooks.keep_days: must be from 2 to 90"),
        ("crm: {kind: zammad}", "crm.zammad.url: is needed for kind zammad"),
        (
            "crm: {zammad: {url: zammad/secret}}",
            "crm.zammad.url: must look like https://zammad.example.com/api/v1/cti/",
        ),
        ("crm: {kind: http}", "crm.http: name agent_url, contact_url or calls_url"),
        ("crm: {http: {agent_url: crm}}", "crm.http.agent_url: must look like https://"),
        ("crm: {http: {agent_url: 'https://crm/x'}}", "crm.http.agent_url: must contain {email}"),
        ("crm: {http: {contact_url: 'https://crm/x'}}", "crm.http.contact_url: must contain {number} or {digits}"),
        ("crm: {http: {calls_url: 'https://u:secret@crm/x'}}", "crm.http.calls_url: must look like https://"),
        ("crm: {http: {header: 'X Y'}}", "crm.http.header: must be the name of a header"),
        ('crm: {http: {authorization: "a\\r\\nb"}}', "crm.http.authorization: must be one line"),
        ("crm: {http: {agent: {extension: 'a..b'}}}", "crm.http.agent.extension: must be a path such as data.0.id"),
        ("crm: {http: {contact: {id: 'a b'}}}", "crm.http.contact.id: must be a path"),
        ("crm: {http: {cache_seconds: -1}}", "crm.http.cache_seconds: must be from 0"),
        ("asterisk: {extensions: PJSIP/1}", "asterisk.extensions: must be one dial string like PJSIP/{extension}"),
        ("asterisk: {extensions: 'PJSIP/{extension}&PJSIP/2'}", "asterisk.extensions: must be one dial string"),
        (
            "inbound: {routes: {'020 7946 0000': a@b}}",
            "inbound.routes: `020 7946 0000` must be written as E.164 such as",
        ),
        ("inbound: {routes: {'442079460000': a@b}}", "inbound.routes: `442079460000` must be written as E.164"),
        (
            "inbound: {routes: {'+4402079460000': a@b}}",
            "inbound.routes: `+4402079460000` must be written as +442079460000",
        ),
        (
            "inbound: {routes: {'+9992079460000': a@b}}",
            "inbound.routes: `+9992079460000` must begin with the code of a",
        ),
        ("inbound: {routes: {'+442079460000': []}}", "inbound.routes: `+442079460000` leads nowhere; name an agent's"),
        ("inbound: {routes: {'+442079460000': ''}}", "inbound.routes: `+442079460000` leads nowhere"),
        (
            "inbound: {routes: {'+442079460000': anna}}",
            "inbound.routes: `+442079460000` must lead to an agent's e-mail",
        ),
        (
            "inbound: {routes: {'+442079460000': [a@b, '7']}}",
            "inbound.routes: `+442079460000` must lead to e-mails only",
        ),
        ("agents: [{email: anna}]", "agents[0].email: must be an e-mail address, not `anna`"),
        ("agents: [{email: a@b}, {email: A@B}]", "agents[1].email: `a@b` belongs to another agent already"),
        (
            "agents: [{email: a@b, extension: '1'}, {email: c@d, extension: '1'}]",
            "agents[1].extension: `1` belongs to another agent already",
        ),
        ("agents: [{email: a@b, contact: 'sip:x@y?Evil=1'}]", "agents[0].contact: must be a SIP URI"),
        ("agents: [{email: a@b, desk_endpoint: 'PJSIP/a/sip:evil'}]", "agents[0].desk_endpoint: must be an endpoint"),
    ],
)
def test_a_value_that_cannot_work_is_named_in_one_line(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


def test_what_works_but_hardly_as_meant_is_a_warning() -> None:
    assert [line.partition(":")[0] for line in warnings(load(None, {}))] == ["asterisk.nodes[0].password"]
    config = load(None, {"CTC_ASTERISK__NODES__0__PASSWORD": "x", "CTC_NUMBERS__ALLOWED_REGIONS": "DE"})
    assert [line.partition(":")[0] for line in warnings(config)] == ["numbers.default_region"]
