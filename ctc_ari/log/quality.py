"""How well a leg was heard: Asterisk's last RTCP figures, which `asterisk-config/extensions.conf` puts into CEL."""

from __future__ import annotations

from ctc_ari.log.row import Quality

__all__ = ["mean_opinion", "quality_of"]

#: Milliseconds for packets of 20 ms, and the smallest jitter buffer.
_PACKET_DELAY = 40.0


def quality_of(leg: str, channel: str, figures: str) -> Quality | None:
    """From `CHANNEL(rtcp,all)`: `lp=0;rxjitter=0.0015;rxcount=378;…;rtt=0.02`. None: nothing was received or sent.

    `lp` and `rxjitter` are what Asterisk missed of the phone, `rlp` and `txjitter` what the phone reports of us.
    """
    found: dict[str, float] = {}
    for pair in figures.split(";"):
        name, _, value = pair.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            continue
    received, sent = found.get("rxcount", 0.0), found.get("txcount", 0.0)
    if not received and not sent:
        return None
    lost, remotely_lost = found.get("lp", 0.0), found.get("rlp", 0.0)
    loss = min(1.0, lost / (received + lost)) if received + lost > 0 else None
    jitter, rtt = found.get("rxjitter"), found.get("rtt")
    return Quality(
        leg=leg,
        channel=channel,
        mos=None if loss is None or not received else mean_opinion(loss, jitter or 0.0, rtt or 0.0),
        loss=loss,
        jitter=jitter,
        remote_loss=min(1.0, remotely_lost / sent) if sent else None,
        remote_jitter=found.get("txjitter"),
        #: No report of the phone has come back: it sends none, or the call was too short.
        rtt=rtt or None,
    )


def mean_opinion(loss: float, jitter: float, rtt: float) -> float:
    """MOS from 1 to 4.5 by the E-model (ITU-T G.107) for G.711; `loss` is a share, `jitter` and `rtt` are seconds."""
    delay = _PACKET_DELAY + rtt * 500 + jitter * 2000
    impaired = 0.024 * delay + (0.11 * (delay - 177.3) if delay > 177.3 else 0.0)
    #: G.113: G.711 with packet loss concealment loses half of what it can lose at 25.1 % of random loss.
    percent = loss * 100
    rating = 93.2 - impaired - 95 * percent / (percent + 25.1)
    rating = max(0.0, min(100.0, rating))
    mos = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return round(max(1.0, min(4.5, mos)), 2)
