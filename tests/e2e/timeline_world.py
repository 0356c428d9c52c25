"""A daemon with the Alice timeline, and the published npm SDK that walks on it.

Not a test. The SDK's base URL cannot be configured, so it is redirected in one of two ways.
`ENVIRONMENT`: the daemon serves TLS as api.fictioneers.co.uk, with a certificate of an authority
made for the test, and a proxy tunnels there; the SDK is told by variables only. `PROPERTY`: a
property of the client is set to the daemon's plain address. Either way the package's files are as
npm gives them.
"""

from __future__ import annotations

import datetime
import ipaddress
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from e2e.conftest import ADMIN_KEY, Daemon
from e2e.connect_proxy import ConnectProxy
from e2e.real_clients import HERE, Client, running

HOST = "api.fictioneers.co.uk"
ENVIRONMENT, PROPERTY = "environment", "property"
ALICE = HERE.parents[1] / "examples" / "alice.json"
TIMELINE = "AliceTimeline00000001"
SECRET_KEY = "s_3852a7882e93c230.vBVrdhmf-pjhSG7ugrU9eJi4mlBi2BcJ3FyG0cBMVY0"
VISIBLE_KEY = "v_1f0e2d3c4b5a6978.Qm9yb2dvdmVzLWFuZC1tb21lLXJhdGhzLW91dGdyYWI"
UNSET = dict.fromkeys(
    ("HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "NO_PROXY", "no_proxy"), ""
)
"""What whoever runs the tests may have set, and the SDK would heed."""
Json = dict[str, Any]


# --- certificates


class Trust(NamedTuple):
    """PEM files: who vouches, and what for."""

    authority: Path
    certificate: Path
    key: Path


def trust_for(folder: Path, *hosts: str) -> Trust:
    """An authority that lives for a day, and a certificate of it for these names and 127.0.0.1."""
    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _named("authority of the tests"), _named("callboard of the tests")
    may = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    above = _certificate(
        issuer, issuer, ours, ours, (x509.BasicConstraints(True, 0), True), (may, True)
    )
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    known = x509.SubjectAlternativeName(names)
    below = _certificate(
        subject, issuer, theirs, ours, (x509.BasicConstraints(False, None), True), (known, False)
    )
    secret = theirs.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    trust = Trust(*(folder / name for name in ("authority.pem", "certificate.pem", "key.pem")))
    trust.authority.write_bytes(above.public_bytes(serialization.Encoding.PEM))
    trust.certificate.write_bytes(below.public_bytes(serialization.Encoding.PEM))
    trust.key.write_bytes(secret)
    return trust


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    of: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(of.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )
    marks = (
        (x509.SubjectKeyIdentifier.from_public_key(of.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False),
    )
    for extension, is_critical in (*extensions, *marks):
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(by, hashes.SHA256())


# --- the SDK


class Thrown(Exception):
    """The SDK threw: `status` and `body` of the answer, if there was one; `code` of the error."""

    def __init__(self, told: Json) -> None:
        super().__init__(told["thrown"])
        self.code: str | None = told["code"]
        self.status: int | None = told["status"]
        self.body: Any = told["body"]


class Sdk:
    """One instance of the SDK in a Node process; methods are called by their own names."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def call(self, method: str, **given: Any) -> Any:
        """What a method of the SDK returned. Raises `Thrown` if it threw."""
        told = await self.ask("call", method=method, given=given)
        if "thrown" in told:
            raise Thrown(told)
        return told["answer"]

    async def refused(self, method: str, **given: Any) -> tuple[int | None, Any]:
        """Status and body of an answer at which the SDK throws."""
        with pytest.raises(Thrown) as thrown:
            await self.call(method, **given)
        return thrown.value.status, thrown.value.body

    async def follow(self, link: str) -> Any:
        """Follow a link, named as `FROM:TO`."""
        event = link.partition(":")[0]
        return await self.call("followLinkUserTimelineEvent", timelineEventId=event, linkId=link)

    async def ask(self, what: str, **given: Any) -> Any:
        """Anything of the script, for this instance."""
        return await trio.to_thread.run_sync(
            partial(self._client.ask, what, name=self._name, **given)
        )


class Reader:
    """A Node process with the SDK. `events` of `client` have every request it sent."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self.client, self._endpoint = client, endpoint

    async def sdk(self, key: str, user: str | None = None) -> Sdk:
        """A new instance with that key, for that user; without one the SDK makes up a user id."""
        one = Sdk(self.client, f"{key}:{user}")
        await one.ask("make", apiKey=key, userId=user, endpoint=self._endpoint)
        return one

    @property
    def requests(self) -> list[Json]:
        """What was sent so far, and with which status each was answered."""
        return self.client.all("request")


@asynccontextmanager
async def node(endpoint: str = "", **environ: str) -> AsyncIterator[Reader]:
    """A Node process that has the SDK. Skips without Node or packages."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node, which is not installed here")
    if not (HERE / "node_modules" / "fictioneers").is_dir():
        pytest.skip("needs the published packages: npm ci --prefix tests/e2e")
    command = [found, str(HERE / "fictioneers" / "sdk.mjs")]
    proxy = environ.get("HTTPS_PROXY", "")
    with running(command, {**UNSET, "https_proxy": proxy, **environ}, HERE) as client:
        yield Reader(client, endpoint)


# --- the daemon


class World(NamedTuple):
    """A running daemon with the timeline, and how the SDK reaches it."""

    daemon: Daemon
    trust: Trust
    endpoint: str = ""
    proxy: ConnectProxy | None = None

    def reader(self, **environ: str) -> AbstractAsyncContextManager[Reader]:
        """A Node process whose SDK comes here; `environ` says more."""
        if self.proxy is None:
            return node(self.endpoint, **environ)
        ways = {"HTTPS_PROXY": self.proxy.url, "NODE_EXTRA_CA_CERTS": str(self.trust.authority)}
        return node(**{**ways, **environ})


def project_file(folder: Path, **settings: object) -> Path:
    """A project with a secret key, a visible key and the timeline; `settings` are more of them."""
    shutil.copy(ALICE, folder / "alice.json")
    given = {
        "secret_keys": [SECRET_KEY],
        "visible_keys": [VISIBLE_KEY],
        "publish": ["alice.json"],
        "test_clock": True,
        **settings,
    }
    lines = [f'project = "demo"\nadmin_keys = ["{ADMIN_KEY}"]\n[timelines]']
    lines += [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in given.items()]
    path = folder / "project.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@asynccontextmanager
async def world(
    folder: Path, redirection: str, project: Path | None = None, **settings: object
) -> AsyncIterator[World]:
    """A daemon with the timeline (or with another project), which the SDK reaches in that way."""
    applied = project or project_file(folder, **settings)
    trust = trust_for(folder, HOST)
    is_secured = redirection == ENVIRONMENT
    tls = ("--tls-cert", str(trust.certificate), "--tls-key", str(trust.key)) if is_secured else ()
    daemon = Daemon(folder)
    try:
        await trio.to_thread.run_sync(partial(daemon.start, "--apply", str(applied), *tls))
        if not is_secured:
            yield World(daemon, trust, endpoint=f"{daemon.url}/timelines/v1")
            return
        async with tunnelling(daemon.port) as proxy:
            yield World(daemon, trust, proxy=proxy)
    finally:
        daemon.close()


@asynccontextmanager
async def tunnelling(port: int) -> AsyncIterator[ConnectProxy]:
    """A proxy for the length of the block; the original host leads to that port."""
    proxy = ConnectProxy({f"{HOST}:443": port})
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(proxy.serve)
            yield proxy
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # the block's own: it reads better without our nursery
            raise group.exceptions[0] from None
        raise
