"""The operator's settings: read from the environment, and wrong ones named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from conserje import settings
from conserje.settings import SettingsError
from conserje.storage import address


def test_everything_has_a_default() -> None:
    given = settings.read({"HOME": "/root", "PATH": "/bin"})
    assert given.domains == ("localhost",) and given.database_url is None
    assert given.keyring == given.data_dir / "keys" / "master.json"


def test_read_from_the_environment() -> None:
    given = settings.read(
        {
            "CONSERJE_DOMAINS": "bots.cl, demo.bots.cl,",
            "CONSERJE_WORKERS": "4",
            "CONSERJE_DATA_DIR": "/srv/conserje",
            "CONSERJE_MASTER_KEYS_FILE": "/etc/conserje/keys.json",
        }
    )
    assert given.domains == ("bots.cl", "demo.bots.cl") and given.workers == 4
    assert given.keyring == Path("/etc/conserje/keys.json")


def test_an_empty_variable_is_none() -> None:
    assert settings.read({"CONSERJE_WORKERS": "", "CONSERJE_DATABASE_URL": ""}) == settings.read({})


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORKERS", "none"), ("WORKERS", "0"), ("TURN_LIMIT", "-1"), ("LOG_LEVEL", "loud"), ("SLOTS", "1.5")],
)
def test_a_wrong_value_is_told_with_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^CONSERJE_{name}: "):
        settings.read({f"CONSERJE_{name}": value})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PUBLIC_URL", "https://bots.cl", r"write https://\{slug\}\.example\.com, with \{slug\} where"),
        ("PUBLIC_URL", "https://{slug}.bots.cl/{tenant}", "write https://"),
        ("PUBLIC_URL", "{slug}.bots.cl", "write https://"),
        ("DOMAINS", ",", "write a domain"),
        ("DOMAINS", "https://bots.cl", "'https://bots.cl' is no domain such as"),
        ("LISTEN", "8080", r"write host:port, such as 127\.0\.0\.1:8080, or the path of a socket"),
        ("OPERATOR_LISTEN", "localhost:99999", "write host:port"),
        ("TRUSTED_PROXIES", "127.0.0.1,nginx", "'nginx' is neither an address nor a network"),
        ("FETCH_ALLOW", "nginx", r"write networks such as 192\.168\.7\.0/24"),
        ("WORKERS", "two", "write a whole number"),
        ("WORKERS", "0", "write 1 or more"),
        ("SLOTS", "9999", "write 1000 or less"),
        ("TURN_LIMIT", "long", "write a number"),
        ("TURN_LIMIT", "nan", "write "),
        ("TURN_LIMIT", "0", "write more than 0"),
        ("SPOOL", "yes", "write 'on' or 'off'"),
        ("LOG_LEVEL", "loud", "write 'debug', 'info', 'warning' or 'error'"),
        ("MAIL_FROM", "bots", "write an address such as"),
    ],
)
def test_what_to_write_is_told_in_our_own_words(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=rf"^CONSERJE_{name}: {said}"):
        settings.read({f"CONSERJE_{name}": value})


@pytest.mark.parametrize("value", [" bots.cl", "bots.cl\r", '"bots.cl"', "'bots.cl'", "“bots.cl”"])
def test_quotes_and_blanks_that_a_tool_kept_are_told(value: str) -> None:
    for name in ("CONSERJE_DOMAINS", "CONSERJE_POST_TOKEN"):
        with pytest.raises(
            SettingsError, match=rf"^{name} has (blanks|quotes) around its value.*take them out"
        ):
            settings.read({name: value}, ["CONSERJE_POST_TOKEN"])


@pytest.mark.parametrize("name", ["conserje_domains", "Conserje_Domains", "CONSERJE_domains"])
def test_a_name_in_small_letters_is_told(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is not heard: write CONSERJE_DOMAINS\."):
        settings.read({name: "bots.cl"})


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read({"CONSERJE_WORKERS": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://conserje@/conserje?host=/var/run/postgresql",
        "postgres://u:p%40%3A%25@db.example.com:5432/conserje?sslmode=require",
        "postgresql://u:p@one:5432,two:5433/conserje",
        "postgresql://u:p:q@[::1]:5432/conserje",
        "postgresql:///conserje?host=/tmp&user=conserje",
    ],
)
def test_a_database_is_named_by_its_url(url: str) -> None:
    assert settings.read({"CONSERJE_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize("sign", "/?#[]%@")
@pytest.mark.parametrize("password", ["hunt{}er2", "12{}er2", "12{}er=2", "{}er2", "er2{}"])
def test_a_password_that_is_not_encoded_is_told_in_a_line_without_it(sign: str, password: str) -> None:
    url = f"postgresql://conserje:{password.format(sign)}@127.0.0.1/conserje"
    with pytest.raises(SettingsError, match=r"^CONSERJE_DATABASE_URL: write postgresql://.*%2F") as caught:
        settings.read({"CONSERJE_DATABASE_URL": url})
    said = str(caught.value)
    assert "\n" not in said and not any(part in said for part in ("hunt", "er2", "12"))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/db",
        "h",
        "postgresql://u@h:99999x/db",
        "postgresql://u@h:99999/db",
        "postgresql://u@h/db?x",
    ],
)
def test_what_names_no_database_is_told(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^CONSERJE_DATABASE_URL: write postgresql://"):
        settings.read({"CONSERJE_DATABASE_URL": url})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("?sslmode=require&channel_binding=require", "?sslmode=require"),
        ("?connect_timeout=10&application_name=x&keepalives=1", ""),
        ("?pgbouncer=true&connection_limit=1&target_session_attrs=any", "?target_session_attrs=any"),
    ],
)
def test_what_another_driver_takes_for_itself_is_dropped(given: str, kept: str) -> None:
    url = "postgresql://u:p%2F@h/db"
    assert settings.read({"CONSERJE_DATABASE_URL": url + given}).database_url == url + kept


@pytest.mark.parametrize("name", ["search_path", "options", "sslmod", "require_auth"])
def test_a_parameter_that_nobody_would_hear_is_told(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^CONSERJE_DATABASE_URL: {name} is no parameter .*ALTER ROLE"):
        settings.read({"CONSERJE_DATABASE_URL": f"postgresql://u@h/db?sslmode=require&{name}=x"})


@pytest.mark.parametrize("host", ["aws-0-sa-east-1.pooler.supabase.com", "db.abc.supabase.co"])
def test_supabase_s_pooler_of_transactions_is_known_by_its_address(host: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^CONSERJE_DATABASE_URL: Supabase's port 6543 .*: write its port 5432"
    ):
        settings.read({"CONSERJE_DATABASE_URL": f"postgresql://u:p@{host}:6543/postgres"})
    assert settings.read({"CONSERJE_DATABASE_URL": f"postgresql://u:p@{host}:5432/postgres"})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:p@db.example.com/x", "db.example.com:5432"),
        ("postgresql://u:p@one:5433,[::1]/x", "one:5433, [::1]:5432"),
        ("postgresql://u@/x?host=/run/pg&port=5433", "/run/pg"),
        ("postgresql://u@/x?host=db&port=5433", "db:5433"),
        ("postgresql:///x", "its local socket"),
    ],
)
def test_errors_name_the_server_by_host_and_port(url: str, place: str) -> None:
    assert address.place(url) == place


def test_a_variable_of_nobodys_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(
        SettingsError, match=r"CONSERJE_DOMAIN is no setting.*the nearest is CONSERJE_DOMAINS\."
    ):
        settings.read({"CONSERJE_DOMAIN": "bots.cl"})
    with pytest.raises(SettingsError, match=r"the nearest is CONSERJE_POST_TOKEN\."):
        settings.read({"CONSERJE_POST_TOKN": "x"}, ["CONSERJE_POST_TOKEN"])
    assert settings.read({"CONSERJE_POST_TOKEN": "x"}, ["CONSERJE_POST_TOKEN"])


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://acme.localhost:8080"),
        ({"CONSERJE_LISTEN": "127.0.0.1:9000"}, "http://acme.localhost:9000"),
        ({"CONSERJE_DOMAINS": "bots.cl,bots.pe"}, "https://acme.bots.cl"),
        ({"CONSERJE_PUBLIC_URL": "https://x.cl/{slug}/"}, "https://x.cl/acme"),
    ],
)
def test_a_tenants_public_address(environment: dict[str, str], url: str) -> None:
    assert settings.read(environment).tenant_url("acme") == url


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://console.localhost:9101"),
        ({"CONSERJE_CONSOLE_LISTEN": "127.0.0.1:9000"}, "http://console.localhost:9000"),
        ({"CONSERJE_DOMAINS": "bots.cl,bots.pe"}, "https://console.bots.cl"),
        ({"CONSERJE_PUBLIC_URL": "https://{slug}.x.cl"}, "https://console.x.cl"),
    ],
)
def test_where_people_sign_in(environment: dict[str, str], url: str) -> None:
    assert settings.read(environment).console_url == url


def test_a_plugins_values_are_its_operator_models_fields() -> None:
    class Operator(BaseModel):
        base_url: str = "https://api.example.com"
        token: str | None = None

    environment = {"CONSERJE_POST_TOKEN": "t", "CONSERJE_POST_BASE_URL": "", "CONSERJE_OTHER_TOKEN": "o"}
    assert settings.plugin_values(environment, "post", Operator) == {"token": "t"}


def test_as_root_the_data_is_not_below_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ana/.data")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert settings.default_data_dir() == Path("/var/lib/conserje")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert settings.default_data_dir() == Path("/home/ana/.data/conserje")


@pytest.mark.parametrize(
    ("public", "pushes"),
    [("", True), ("https://{slug}.bots.cl", True), ("http://{slug}.bots.cl", False),
     ("http://{slug}.localhost:8080", True), ("http://{slug}.notlocalhost", False)],
)  # fmt: skip
def test_browsers_let_the_console_push_where_nobody_between_can_change_it(public: str, pushes: bool) -> None:
    assert settings.read({"CONSERJE_PUBLIC_URL": public}).pushes == pushes
