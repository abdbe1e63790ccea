"""SIP phones for tests and benchmarks: SIPp where many calls or exact times matter, baresip where a person acts."""

from .baresip import Baresip, Event, baresip_phone
from .behaviour import Behaviour, answer, busy, declined, reject, ring_forever, silent
from .sip import Message
from .sipp import SippPhone, carrier, sipp_caller, sipp_phone
from .sound import Sound
from .tools import Tools, tools
from .waiting import PhoneError, free_port

__all__ = [
    "Baresip",
    "Behaviour",
    "Event",
    "Message",
    "PhoneError",
    "SippPhone",
    "Sound",
    "Tools",
    "answer",
    "baresip_phone",
    "busy",
    "carrier",
    "declined",
    "free_port",
    "reject",
    "ring_forever",
    "silent",
    "sipp_caller",
    "sipp_phone",
    "tools",
]
