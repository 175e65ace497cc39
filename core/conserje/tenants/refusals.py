"""What the database refuses of tenants' rows, as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from conserje.errors import NotThere, OperatorError


class TenantError(OperatorError):
    """What was asked of a tenant or an account cannot be; the text says why."""


class Missing(TenantError, NotThere):
    """What is named is not there."""


class Taken(TenantError):
    """What names one thing alone names another already."""


SENTENCES = {
    "tenants_slug_key": "The slug is taken: choose another.",
    "former_slugs_slug_key": "The slug was another tenant's and leads there still: choose another.",
    "tenants_slug_form": "A slug is 1 to 40 of a-z, 0-9 and -, with no - at either end and no -- at 3.",
    "tenants_slug_reserved": "The slug is reserved for the installation's own hosts: choose another.",
    "tenants_name_check": "A tenant's name is 1 to 200 characters, of which one at least can be seen.",
    "api_keys_name_check": "A key's name is 1 to 100 characters.",
    "tenants_status_check": "A tenant's status is active or suspended.",
    "tenants_locale_check": "A locale is a language and perhaps a country, like es-CL.",
    "tenants_currency_check": "A currency is three capital letters, like CLP.",
    "tenants_time_zone_check": "The time zone is unknown: write one like America/Santiago.",
    "tenants_assistant_settings_check": "The assistant's settings are a JSON object.",
    "tenants_tool_settings_check": "A tenant's tools are a JSON object of each one's settings, or false.",
    "tenants_lead_rule_check": "A lead rule is turns, least_open, or the name of a person.",
    "tenants_voice_notes_check": "Voice notes are written down by an assistant, like openai, or by none.",
    "tenants_metadata_check": "A tenant's metadata is a JSON object.",
    "tenants_quiet_period_check": "A quiet period is 0 to 60 seconds.",
    "tenants_longest_wait_check": "The longest wait is 0 to 10 minutes.",
    "tenants_hand_back_after_check": "The time after which a conversation is handed back is more than 0.",
    "tenants_late_after_check": "The time after which a message is late is more than 0.",
    "tenants_late_rule_check": "A late rule is answer, apologise, hand_over or park.",
    "tenants_late_text_check": "The text for late answers is 1 to 1000 characters.",
    "tenants_held_text_check": "The text for held conversations is 1 to 1000 characters.",
    "tenants_notice_url_check": "A notice's address is https://host/path, without a user in it.",
    "tenants_notice_email_check": "A notice's e-mail address is like team@example.com.",
    "tenants_keep_messages_check": "Messages are kept for 1 day to 36500 days.",
    "tenants_keep_files_check": "Files are kept for 1 day to 36500 days.",
    "tenants_keep_statuses_check": "Statuses are kept for 7 to 36500 days: providers repeat them for 7.",
    "tenants_context_days_check": "An assistant reads what was said in the last 1 to 36500 days.",
    "tenants_hours_check": 'Hours are {"week": {"monday": ["09:00-18:00"]}, "exceptions": {}}.',
    "tenants_tokens_of_contact_check": "A contact's tokens of a day are a whole number, 0 for no bound.",
    "tenants_usd_of_contact_check": "A contact's money of a day is 0 to 1000000 USD, 0 for no bound.",
    "tenants_tokens_of_day_check": "The tokens of a day are a whole number, 0 for no bound.",
    "tenants_usd_of_day_check": "The money of a day is 0 to 1000000 USD, 0 for no bound.",
    "tenants_tokens_of_month_check": "The tokens of a month are a whole number, 0 for no bound.",
    "tenants_usd_of_month_check": "The money of a month is 0 to 1000000 USD, 0 for no bound.",
    "tenants_data_key_check": "A data key is wrapped by the vault and begins with v1.",
    "tenants_signing_key_check": "A key that signs is wrapped by the vault and begins with v1.",
    "domains_host_key": "The domain belongs to a tenant already.",
    "domains_host_check": "A domain is a host name like chat.example.com, in lower case and without a port.",
    "accounts_channel_check": "A channel's name is a-z, 0-9 and _, at most 40.",
    "accounts_address_check": "An address is 1 to 200 characters without space at either end.",
    "accounts_settings_check": "An account's settings are a JSON object.",
    "accounts_credentials_sealed": "Credentials are sealed and begin with v1: `conserje seal` makes them.",
    "accounts_abilities_check": "What an account's model can do is a JSON object: `account check` makes it.",
    "accounts_checked_check": "What a check found is a JSON object: `account check` makes it.",
    "accounts_withheld_check": "What a tool withholds is said in 1000 characters: a worker writes it.",
    "accounts_uncertain_check": "What is uncertain is held, or sent once more: hold or resend.",
    "accounts_status_check": "An account's status is active or suspended.",
    "accounts_tenant_id_channel_address_key": (
        "The tenant has this account already: `conserje account set` changes it, and so does its column "
        "`credentials`, set to what `conserje seal` prints."
    ),
    "accounts_quiet_period_check": "A quiet period is 0 to 60 seconds.",
    "accounts_window_template_check": (
        "An account's template for the window is a JSON object: its name, and perhaps language and values."
    ),
    "accounts_tenant_id_fkey": "There is no such tenant.",
    "domains_tenant_id_fkey": "There is no such tenant.",
    "people_name_check": "A person's name is 1 to 100 characters, and neither turns nor least_open.",
    "people_email_check": "A person's e-mail address is like ana@example.com.",
    "people_phone_check": "A phone is a + and 6 to 15 digits, its country first.",
    "sender_tenants_phone_check": "A phone is a + and 6 to 15 digits, its country first.",
    "sender_tenants_phone_key": "The phone writes to a tenant already.",
    "sender_tenants_tenant_id_fkey": "There is no such tenant.",
}


_OF = re.compile(
    r"(?:former_slugs|people|tenants|domains|accounts|api_keys|sender_tenants)_(\w{1,60}?)_(?:check|key|form|reserved|sealed)"
)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the database refuses into a sentence; its own text may show the row."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        rule = error.constraint_name or error.column_name or ""
        said = SENTENCES.get(rule, f"The database refuses the row by its rule {rule}.")
        of = _OF.fullmatch(rule)
        refused = Taken if isinstance(error, asyncpg.UniqueViolationError) else TenantError
        raise refused(said, of[1] if of else "") from None
    except asyncpg.InvalidParameterValueError:
        raise TenantError(SENTENCES["tenants_time_zone_check"], "time_zone") from None
    except (asyncpg.DataError, ValueError):
        raise TenantError("A value holds characters that the database cannot store.") from None
