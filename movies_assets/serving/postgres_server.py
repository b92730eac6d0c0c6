"""Connect to Postgres: parse its address, hide secrets, and translate its errors.

An error never shows the address or a password, and neither does its cause: libpq quotes parts of
an address that it cannot parse.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from movies_assets.core.errors import DescribedError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

OPTIONS = {"connect_timeout": 10, "application_name": "movies_assets", "client_encoding": "UTF8"}
SECRET_OPTIONS = ("password", "sslpassword")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(:[0-9]+)?")
UNREADABLE = (
    "MOVIES_POSTGRES_URL is not of the form postgresql://user:password@host:port/database; "
    "special characters in user and password have to be percent-encoded"
)
# Messages of libpq after it has parsed the address.
ABOUT_THE_SERVER = re.compile(
    r"(connection to server .*|could not translate host name .*)", re.DOTALL
)
# A message of the server: an error and its details, without the statement.
SERVER_ERROR = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.*)")
DETAIL = re.compile(r"DETAIL:\s+(.*)")
SCRAM_ROUNDS = 4096
LOST = "the connection to the server was lost"
# Errors that pass: by the class of their code (the connection is lost, too many of them, the server
# shuts down), or by the messages of libpq and this project.
PASSING_CODES = ("08", "53", "57P")
PASSING = re.compile(f"Connection refused|timeout expired|starting up|still under way|{LOST}")


class PostgresError(DescribedError):
    """A failure of Postgres. The message gives the cause and the fix.

    Attributes:
        code: Postgres's code of the error (SQLSTATE), if it sent one.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.is_transient = bool((code or "").startswith(PASSING_CODES) or PASSING.search(message))


@dataclass(frozen=True)
class Session:
    """A connection in autocommit mode, except within `transaction`."""

    connection: "Connection"
    secrets: tuple[str, ...]

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement.

        Raises:
            PostgresError: it failed.
        """
        with plain_errors(self.secrets), self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return a query's rows; raise like `execute`."""
        with plain_errors(self.secrets), self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the only value of a query; raise like `execute`."""
        ((value,),) = self.rows(query, parameters)
        return value

    def append(self, schema: str, table: str, batches: Any) -> int:
        """Append record batches to a table, and return the number of rows; raise like `execute`."""
        with plain_errors(self.secrets), self.connection.cursor() as cursor:
            return cursor.adbc_ingest(table, batches, mode="append", db_schema_name=schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run statements in one transaction: all of them take effect, or none."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(PostgresError):  # a lost connection is rolled back by the server
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


@contextmanager
def connected(url: SecretStr) -> Iterator[Session]:
    """Connect to a server.

    Raises:
        PostgresError: the address cannot be parsed, the server is down or refuses, or the driver is
            not installed.
    """
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError:
        raise PostgresError(
            "MOVIES_POSTGRES_URL is set, but the driver is not installed: "
            "pip install 'movies_assets[postgres]'"
        ) from None
    address, secrets = _address(url)
    with plain_errors(secrets):
        connection = dbapi.connect(address, autocommit=True)
    with connection:
        yield Session(connection, secrets)


@contextmanager
def plain_errors(secrets: Sequence[str]) -> Iterator[None]:
    """Translate errors of the driver into those of this module, without secrets."""
    from adbc_driver_manager import Error  # noqa: PLC0415 (an extra)

    try:
        yield
    except Error as error:
        message = _explained(str(error), secrets)
        # Without its cause: the driver's error may show parts of the address.
        raise PostgresError(message, error.sqlstate) from None


def _explained(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    if "Failed to connect" in text:
        about = ABOUT_THE_SERVER.search(text)
        return " ".join(about[1].split()) if about else UNREADABLE
    if error := SERVER_ERROR.search(text):
        detail = DETAIL.search(text)
        return error[1] + (f" ({detail[1]})" if detail else "")
    return LOST


def _address(url: SecretStr) -> tuple[str, tuple[str, ...]]:
    """Return the address with our own options, and its secrets.

    An ambiguous address is refused here: libpq would take a part of the password for a host or
    port, and show it in its error.
    """
    try:
        parts = urlsplit(url.get_secret_value())
    except ValueError:
        raise PostgresError(UNREADABLE) from None
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if (
        parts.scheme not in {"postgres", "postgresql"}
        or parts.netloc.count("@") > 1
        or "@" in parts.path + parts.query
        or parts.fragment
        or not all(map(HOST.fullmatch, hosts))
    ):
        raise PostgresError(UNREADABLE)
    given = dict(parse_qsl(parts.query))
    hidden = [parts.password or "", *(given.get(name, "") for name in SECRET_OPTIONS)]
    secrets = {form for text in hidden for form in (text, unquote(text)) if form}
    ours = "&".join(f"{name}={value}" for name, value in OPTIONS.items() if name not in given)
    query = "&".join(filter(None, [parts.query, ours]))
    address = f"{parts.scheme}://{parts.netloc}{parts.path}?{query}"
    return address, tuple(sorted(secrets, key=len, reverse=True))


def scram_verifier(password: SecretStr) -> str:
    """Return the verifier that Postgres stores, so that no statement or log has the password.

    Raises:
        PostgresError: it has characters outside of ASCII, which servers normalise.
    """
    text = password.get_secret_value()
    if not text.isascii() or not text.isprintable():
        raise PostgresError("MOVIES_POSTGRES_READER_PASSWORD may only have ASCII characters")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, SCRAM_ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored, salt64, server64 = (
        base64.b64encode(part).decode() for part in (hashlib.sha256(client).digest(), salt, server)
    )
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{salt64}${stored}:{server64}"
