"""What is said when the database cannot be reached or lets nobody in: what is wrong, and what to do. Opens nothing itself."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from shared.runtime import clock
from shared.runtime.certificates import OURS, expires_at, of_address
from shared.sites import ConfigurationError

T = TypeVar("T")

_OF_A_FILE: Final = re.compile(r"could not \w+ .*file ")
_SECRET: Final = re.compile(r"([?&](?:password|sslpassword|passfile)=)[^&]*")
_HOST: Final = "the host in DATABASE_URL must be one that the server's certificate names"

_CERTIFICATES: Final = (
    ("hostname mismatch", f"the server's certificate names another host: {_HOST}"),
    ("ip address mismatch", f"the server's certificate names another host: {_HOST}"),
    ("expired", "the server's certificate has expired: the server needs a new one"),
    ("not yet valid", "the server's certificate is not valid yet: look at the clocks of both machines"),
    (
        "self-signed",
        "the server's certificate is not signed by the authority in sslrootcert: name the file of the one that signed it",
    ),
    (
        "unable to get",
        "the server's certificate is not signed by the authority in sslrootcert: name the file of the one that did",
    ),
)


async def reach(url: str, opening: Callable[[], Awaitable[T]]) -> T:
    """What opening the database gives; raises ConfigurationError that says what is wrong and what to do."""
    try:
        return await opening()
    except (OSError, asyncpg.PostgresError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        said = f"DATABASE_URL: cannot use the database at {place(url)}: {_of_ours(url, error) or reason(error)}"
    raise ConfigurationError(said)


def no_room(error: Exception) -> bool:
    """Whether the server's disk is full, or a quota or limit of it is reached.

    For a file that may grow no further (EDQUOT, EFBIG) Postgres has no code but that of an internal error.
    """
    if isinstance(error, asyncpg.DiskFullError):
        return True
    return isinstance(error, asyncpg.InternalServerError) and _OF_A_FILE.match(str(error)) is not None


def place(url: str) -> str:
    """The address without what is secret in it."""
    return _SECRET.sub(r"\1***", re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", url))


def reason(error: BaseException) -> str:
    """Why a connection failed and what to do, in one sentence that holds no secret."""
    match error:
        case ssl.SSLCertVerificationError():
            return _of_certificate(error)
        case ssl.SSLError():
            return _of_tls(str(error))
        case ConnectionError() if "rejected SSL" in str(error):
            return (
                "the server does not speak TLS, which sslmode asks for: set ssl = on there (docs/postgres.md);"
                " without TLS everything is sent in clear"
            )
        case ConnectionResetError() | asyncpg.ConnectionDoesNotExistError():
            return (
                "the server ended the connection before it let anybody in: it may ask for a client's certificate"
                " (sslcert and sslkey, signed by the authority that it trusts) or have been stopped at that moment"
            )
        case FileNotFoundError() | PermissionError():
            return f"{error.filename}, which it names, cannot be read: {error.strerror}"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return _of_login(error)
        case asyncpg.InvalidCatalogNameError():
            return f"{error}: create it, or correct the name after the last /"
        case asyncpg.ClientConfigurationError():
            return (
                f"that is no valid address: {error}; expected postgresql://user@host:port/database?sslmode=verify-full"
            )
        case asyncpg.TargetServerAttributeNotMatched():
            return "none of its hosts is a primary that takes writes: promote a replica, or wait until one is"
        case (
            asyncpg.InsufficientPrivilegeError() | asyncpg.InvalidParameterValueError() | asyncpg.UndefinedObjectError()
        ):
            return f"{error}: is it migrated (`graftwatch migrate`), and has this user the role (`graftwatch roles`)?"
        case _:
            return (
                f"{type(error).__name__}: {error}; is Postgres running there (`graftwatch stack status`)"
                " and migrated (`graftwatch migrate`)?"
            )


def _of_ours(url: str, error: BaseException) -> str | None:
    """A server that is shown a certificate of ours that has expired may just hang up: whether that is what happened."""
    match error:
        case ssl.SSLCertVerificationError():
            return None
        case ssl.SSLError() | ConnectionResetError() | asyncpg.ConnectionDoesNotExistError():
            until = expires_at(path) if (path := dict(of_address(url)).get(OURS)) is not None else None
            expired = until is not None and until < clock.wall()
            return (
                f"our certificate, which sslcert names, expired on {until:%Y-%m-%d}: have a new one issued"
                if expired
                else None
            )
        case _:
            return None


def _of_certificate(error: ssl.SSLCertVerificationError) -> str:
    said = str(error).lower()
    for sign, words in _CERTIFICATES:
        if sign in said:
            return words
    return f"the server's certificate is not accepted: {error.verify_message}"


def _of_tls(said: str) -> str:
    if "alert" in said.lower():
        return (
            "the server does not accept our certificate: sslcert and sslkey must name one that is signed by the"
            f" authority of the server's ssl_ca_file ({said})"
        )
    return f"TLS failed ({said}): look at sslmode, sslrootcert, sslcert and sslkey"


def _of_login(error: asyncpg.PostgresError) -> str:
    said = str(error)
    if "certificate" in said:
        return f"{said}: name it with sslcert and sslkey in DATABASE_URL"
    if "pg_hba" in said:
        return f"{said}: the server's pg_hba.conf has no line that lets this user in from here"
    return f"{said}: look at user and password (`graftwatch roles` sets them)"
