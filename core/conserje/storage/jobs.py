"""Jobs: what is due, as the queue carries it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import timedelta

CHANNEL = "conserje_jobs"  # on which the queue tells that it changed

CONVERSE = "converse"
DELIVER = "deliver"
COLLECT = "collect"
NOTIFY = "notify"
SUMMARISE = "summarise"
ACT = "act"
RELEASE = "release"
SEND = "send"
TELL = "tell"
INVITE = "invite"
PUSH = "push"

# The row that `queue.enqueue` adds for each that is `{due}`, without the line in the queue's log, which
# nobody reads: for a statement that stores at the same time why it is due.
ADD = """
INSERT INTO pgqueuer.pgqueuer (entrypoint, payload, priority, execute_after, status)
SELECT '{entrypoint}', int8send(tenant_id) || int8send(conversation_id) || int8send(message_id), priority,
       now() + delay, 'queued'
FROM {due}
"""

FLOODED = -100  # the priority of a job of a tenant that has very many waiting
LAST = -200  # the priority of what can wait for everything else


@dataclass(frozen=True, slots=True)
class Job:
    """Says that something is due in a conversation; the truth is in our tables.

    `message_id` is the message whose quiet period ends, or whose files are wanted; 0 where no single
    message is meant.
    """

    entrypoint: str
    tenant_id: int
    conversation_id: int
    message_id: int = 0
    priority: int = 0
    delay: timedelta = timedelta(0)

    @property
    def payload(self) -> bytes:
        """The ids, as the queue carries them."""
        return _PAYLOAD.pack(self.tenant_id, self.conversation_id, self.message_id)


_PAYLOAD = struct.Struct("!qqq")


def read_payload(packed: bytes | None) -> tuple[int, int, int]:
    """The ids of tenant, conversation and message. Raises struct.error."""
    tenant_id, conversation_id, message_id = _PAYLOAD.unpack(packed or b"")
    return tenant_id, conversation_id, message_id
