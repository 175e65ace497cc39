"""What became of what contacts wanted: answered by the assistant alone, or by people, how soon, and of what.

An episode is what a conversation says until it is quiet for a day. Whether it stays answered is known a week
after it ended: until then it is in no share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from conserje.conversations import statistics
from conserje.conversations.statistics import Period
from conserje.storage.database import Connection

QUIET = timedelta(days=1)  # that ends an episode
STAYS = timedelta(days=7)  # in which somebody who was not helped comes back
MOST = 20  # reasons, products

EPISODES = """
WITH line AS (
    SELECT conversation_id, id, settled_at, assistant, intent, handed_over,
           extract(epoch FROM waited + thought)::float8 AS took,
           settled_at - lag(settled_at) OVER (PARTITION BY conversation_id ORDER BY id) AS pause
    FROM turns
    WHERE tenant_id = $1 AND id >= $4 AND settled_at >= $2::timestamptz - $5::interval
      AND settled_at < $3::timestamptz + $5::interval + $6::interval
      AND assistant NOT IN ('consent', 'machine')
), numbered AS (
    SELECT *, count(*) FILTER (WHERE pause IS NULL OR pause > $5)
                  OVER (PARTITION BY conversation_id ORDER BY id) AS number
    FROM line
), episode AS (
    SELECT conversation_id, number, min(settled_at) AS began, max(settled_at) AS ended,
           bool_or(assistant <> 'person') AS with_assistant,
           bool_or(handed_over OR assistant = 'person') AS with_person,
           (array_agg(took ORDER BY id)
               FILTER (WHERE assistant <> 'person' AND took > 0))[1] AS assistant_took,
           (array_agg(took ORDER BY id)
               FILTER (WHERE assistant = 'person' AND intent = 'message' AND took > 0))[1] AS person_took
    FROM numbered GROUP BY conversation_id, number
), followed AS (
    SELECT *, lead(began) OVER (PARTITION BY conversation_id ORDER BY number) - ended AS again_after
    FROM episode
), known AS (
    SELECT *, ended < now() - $6::interval AS is_known,
           NOT with_person AND coalesce(again_after > $6, true) AS stayed
    FROM followed WHERE began >= $2 AND began < $3
)
SELECT count(*) AS all, count(*) FILTER (WHERE with_assistant AND NOT with_person) AS alone,
       count(*) FILTER (WHERE with_assistant AND is_known) AS known,
       count(*) FILTER (WHERE with_assistant AND is_known AND stayed) AS stayed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY assistant_took) AS assistant_median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY assistant_took) AS assistant_slow,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY person_took) AS person_median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY person_took) AS person_slow
FROM known
"""

REASONS = """
SELECT coalesce(intent, '') AS intent, count(DISTINCT conversation_id) AS conversations FROM turns
WHERE tenant_id = $1 AND id >= $4 AND settled_at >= $2 AND settled_at < $3 AND handed_over
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $5
"""

HOURS = """
SELECT extract(isodow FROM created_at AT TIME ZONE $5)::int AS weekday,
       extract(hour FROM created_at AT TIME ZONE $5)::int AS hour, count(*) AS messages
FROM messages
WHERE tenant_id = $1 AND id >= $4 AND created_at >= $2 AND created_at < $3 AND direction = 'in'
  AND turn_id IS DISTINCT FROM -1
GROUP BY 1, 2
"""

# What a contact has picked from a list that an assistant made; another product of the name is another. Picks
# are counted before they are joined: a plan that knows of no period would compare each with each product.
PRODUCTS = """
WITH picked AS MATERIALIZED (
    SELECT substring(content::json ->> 'id' FROM '^product-([0-9]{1,18})$')::bigint AS id,
           count(*) AS times, count(DISTINCT conversation_id) AS conversations
    FROM messages
    WHERE tenant_id = $1 AND id >= $4 AND created_at >= $2 AND created_at < $3
      AND direction = 'in' AND kind = 'pressed'
    GROUP BY 1
)
SELECT name, times, conversations
FROM picked JOIN products ON products.tenant_id = $1 AND products.id = picked.id
ORDER BY times DESC, name LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class Episodes:
    """The episodes that began in a period, and the seconds until their first answer, of each kind apart."""

    all: int
    alone: int  # which the assistant answered, and nobody else
    known: int  # with the assistant, and ended so long ago that it shows whether they stay answered
    stayed: int  # of these: answered by it alone, and the contact did not come back within a week
    assistant_median: float | None
    assistant_slow: float | None  # of 100 came 95 sooner
    person_median: float | None
    person_slow: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why persons were called: what the assistant understood."""

    intent: str
    conversations: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product, and how often contacts have picked it."""

    name: str
    times: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a period; `hours` are contacts' messages by weekday (1 is Monday) and hour."""

    episodes: Episodes
    reasons: list[Reason]
    hours: dict[tuple[int, int], int]
    products: list[Wanted]


async def of_period(
    connection: Connection, tenant_id: int, time_zone: str, first: date, last: date
) -> Outcomes:
    """By the tenant's clock. Raises PeriodError."""
    there = await statistics.locate(connection, tenant_id, time_zone, first, last, earlier=QUIET)
    episodes = await connection.fetchrow(EPISODES, *_turns(there), QUIET, STAYS)
    assert episodes is not None  # it counts
    hours = await connection.fetch(HOURS, *_messages(there), time_zone)
    return Outcomes(
        Episodes(**episodes),
        [Reason(**row) for row in await connection.fetch(REASONS, *_turns(there), MOST)],
        {(row["weekday"], row["hour"]): row["messages"] for row in hours},
        [Wanted(**row) for row in await connection.fetch(PRODUCTS, *_messages(there), MOST)],
    )


def _turns(there: Period) -> tuple[object, ...]:
    return there.tenant_id, there.since, there.until, there.first_turn


def _messages(there: Period) -> tuple[object, ...]:
    return there.tenant_id, there.since, there.until, there.first_message
