"""The database over TLS: who it is, is verified; what is wrong is refused with what to do, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.runtime import kafka, migrations, postgres
from shared.runtime.kafka_access import KafkaSettings
from shared.sites import ConfigurationError
from tests.support import servers
from tests.support.certificates import Authority, Certificate
from tests.support.database import Database
from tests.support.servers import Server
from tests.support.tls_front import tls_in_front_of, tls_server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the hospital."""
    return Authority(tmp_path_factory.mktemp("certificates"))


def over(url: str, port: int, host: str = "localhost", **more: object) -> str:
    """The address of the same database at another port, with these parameters."""
    parts = urlsplit(url)
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{host}:{port}", query=query).geturl()


async def _encrypted(url: str) -> None:
    async with await postgres.connect(url, "reader", size=1) as pool:
        assert await pool.fetchval("SELECT current_user") == "graftwatch_reader"


async def test_the_server_is_verified(database: Database, authority: Authority, tmp_path: Path) -> None:
    """verify-full with the right authority and host connects; another authority, host or no TLS is refused in words."""
    another = Authority(tmp_path, "another")
    async with tls_in_front_of(urlsplit(database.url).port or 0, authority.issue("localhost")) as port:
        await _encrypted(over(database.url, port, sslmode="verify-full", sslrootcert=authority.path))
        for url, says in (
            (
                over(database.url, port, sslmode="verify-full", sslrootcert=another.path),
                "not signed by the authority in sslrootcert",
            ),
            (
                over(database.url, port, "127.0.0.1", sslmode="verify-full", sslrootcert=authority.path),
                "names another host",
            ),
            (over(database.url, port, sslmode="verify-full", sslrootcert=tmp_path / "missing.pem"), "cannot be read"),
        ):
            await _refused(url, says)
    plain = urlsplit(database.url).port or 0
    await _refused(over(database.url, plain, sslmode="verify-full", sslrootcert=authority.path), "does not speak TLS")
    await _refused(over(database.url, plain, sslmode="sometimes"), "no valid address")


async def test_an_expired_certificate_is_said_to_be_one(database: Database, authority: Authority) -> None:
    """Of the right authority and host, and too old: the line says whose it is and who must renew it. Kafka's likewise."""
    past = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = authority.issue("localhost", not_after=past)
    async with tls_in_front_of(urlsplit(database.url).port or 0, certificate) as port:
        url = over(database.url, port, sslmode="verify-full", sslrootcert=authority.path)
        await _refused(url, "the server's certificate has expired: the server needs a new one")
    async with tls_server(certificate) as port:
        broker = f"localhost:{port}"
        settings = KafkaSettings(
            kafka_bootstrap_servers=broker, kafka_security_protocol="SSL", kafka_ssl_cafile=authority.path
        )
        with pytest.raises(ConfigurationError, match=r"^KAFKA_SSL_CAFILE: .*expired.*renew") as refused:
            await kafka.producer(broker, settings.kafka_security)
        assert "\n" not in str(refused.value)


async def test_our_expired_certificate_is_said_not_to_be_accepted(database: Database, authority: Authority) -> None:
    """By a server that asks for one, and says nothing when it hangs up: the line says since when, and what to do."""
    ours = authority.issue(user="graftwatch_reader", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    certificate = authority.issue("localhost")
    async with tls_in_front_of(urlsplit(database.url).port or 0, certificate, asks_for_ours=True) as port:
        verified: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": authority.path}
        url = over(database.url, port, sslcert=ours.certificate, sslkey=ours.key, **verified)
        await _refused(url, "our certificate, which sslcert names, expired on 2020-01-01: have a new one issued")


async def test_our_certificate_is_asked_for(database: Database, authority: Authority, tmp_path: Path) -> None:
    """A server that asks for a client's certificate lets in who has one of its authority, and nobody else."""
    ours, foreign = (
        authority.issue(user="graftwatch_reader"),
        Authority(tmp_path, "foreign").issue(user="graftwatch_reader"),
    )
    certificate = authority.issue("localhost", "server.example")
    async with tls_in_front_of(urlsplit(database.url).port or 0, certificate, asks_for_ours=True) as port:
        verified: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": authority.path}
        await _encrypted(over(database.url, port, sslcert=ours.certificate, sslkey=ours.key, **verified))
        await _refused(over(database.url, port, **verified), "sslcert")
        await _refused(over(database.url, port, sslcert=foreign.certificate, sslkey=foreign.key, **verified), "sslcert")


async def _refused(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await postgres.connect(url, "reader", size=1)
    told = str(refused.value)
    assert told.startswith("DATABASE_URL: ")
    assert says in told
    assert "\n" not in told
    assert (urlsplit(url).password or "") not in told


async def test_a_service_says_it_in_one_line(database: Database, authority: Authority, tmp_path: Path) -> None:
    """The process of a service ends with what is wrong and what to do, and no traceback."""
    port = urlsplit(database.url).port or 0
    env = {
        **os.environ,
        "DATABASE_URL": over(database.url, port, sslmode="verify-full", sslrootcert=authority.path),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "GRAFTWATCH_PSEUDONYM_KEY": "0" * 64,
    }
    done = subprocess.run(  # noqa: ASYNC221 # nothing else runs meanwhile
        [sys.executable, "-m", "services.safety"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode != 0
    assert "does not speak TLS" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
async def debian(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Server]:
    """Debian's PostgreSQL with TLS on, which the embedded one lacks: a certificate for one user, passwords for others."""
    programs = servers.debian()
    if programs is None:
        pytest.skip("no PostgreSQL with TLS here: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("debian")
    with servers.server(folder, programs=programs) as server:
        _give(server, authority.issue("localhost"))
        server.configure(
            "pg_hba.conf",
            "hostnossl all graftwatch 127.0.0.1/32 scram-sha-256\n"
            "hostssl all graftwatch_reader 127.0.0.1/32 cert\n"
            "hostssl all all 127.0.0.1/32 scram-sha-256\n",
            "w",
        )
        await server.start({"ssl": "on", "ssl_min_protocol_version": "TLSv1.2"})
        await server.do("CREATE DATABASE hospital")
        await migrations.apply(server.url("hospital"))
        await server.do("ALTER ROLE graftwatch_reader LOGIN", "ALTER ROLE graftwatch_safety LOGIN PASSWORD 'secret'")
        yield server


def _give(server: Server, certificate: Certificate) -> None:
    for name, source in (
        ("server.crt", certificate.certificate),
        ("server.key", certificate.key),
        ("root.crt", certificate.authority),
    ):
        path = server.data / name
        path.write_bytes(source.read_bytes())
        path.chmod(0o600)
        server.own(path)
    server.configure("postgresql.conf", "ssl_ca_file = 'root.crt'\n")


async def test_a_real_server_with_tls(debian: Server, authority: Authority) -> None:
    """A certificate logs its user in without a password; another user's, none, and no TLS are refused by the server."""
    ours, others = authority.issue(user="graftwatch_reader"), authority.issue(user="graftwatch_console")
    base = debian.url("hospital", "graftwatch_reader", "none")
    verified: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": authority.path}
    url = over(base, debian.port, sslcert=ours.certificate, sslkey=ours.key, **verified)
    async with await postgres.connect(url, "reader", size=1) as pool:
        assert await pool.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await _refused(
        over(base, debian.port, sslcert=others.certificate, sslkey=others.key, **verified), "graftwatch_reader"
    )
    await _refused(over(base, debian.port, **verified), "sslcert and sslkey")
    await _refused(over(base, debian.port, sslmode="disable"), "pg_hba.conf")
    by_password = over(debian.url("hospital", "graftwatch_safety", "secret"), debian.port, **verified)
    async with await postgres.connect(by_password, "safety", size=1) as pool:
        assert await pool.fetchval("SELECT session_user") == "graftwatch_safety"


async def test_the_schema_is_the_same_on_the_oldest_supported_server(debian: Server) -> None:
    """Every migration applies to PostgreSQL 15 too."""
    connection = await asyncpg.connect(debian.url("hospital"), ssl=False)
    assert len(await migrations.done(connection)) == len(migrations.steps())
    await connection.close()
