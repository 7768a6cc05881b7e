"""Who may ask the service, and what a browser may do with its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Forbidden, SecurityError, Unauthorized

from customer_segmentation.panel.values import ReadableError

TOKEN_VARIABLE = "CUSTOMER_SEGMENTATION_TOKEN"  # noqa: S105 - its name
OPEN_TO_ALL = "/health/"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - no name of any machine
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{16,}")
_SITE, _OWN_SITES = "HTTP_SEC_FETCH_SITE", ("same-origin", "none")  # none: no page, a person
_SECRETS = {"basic": "password", "bearer": "token"}  # where each kind of header has it
_CHALLENGES = (
    WWWAuthenticate("basic", {"realm": "customer segmentation", "charset": "UTF-8"}),
    WWWAuthenticate("bearer", {"realm": "customer segmentation"}),
)


class AccessError(ReadableError):
    """A service that would be open to more people than its owner may think."""


@dataclass(frozen=True)
class Access:
    """Who may ask the service.

    Attributes:
        hosts: Names, without a port, by which it may be called. A web page that has let its own
            name lead to this machine calls it by another.
        token: What a client must know; empty asks nobody.
    """

    hosts: frozenset[str]
    token: str = ""

    def check(self, environ: Mapping[str, Any]) -> None:
        """Refuse a request that comes by another name, from another site or without the token.

        A site is asked after only where something is sent: a link from anywhere may lead here.

        Args:
            environ: The request's environment.

        Raises:
            SecurityError: The service is not called by one of its names.
            Forbidden: The page of another site lets a browser send something.
            Unauthorized: A token is asked for, and it is not the one.
        """
        called = _HOST.fullmatch(environ.get("HTTP_HOST", ""))
        if called is None or called[1].lower() not in self.hosts:
            raise SecurityError("The service is not called by this name.")
        if environ["REQUEST_METHOD"] == "POST" and environ.get(_SITE, "none") not in _OWN_SITES:
            raise Forbidden("The page of another site may not send anything to this service.")
        if self.token and not environ["PATH_INFO"].startswith(OPEN_TO_ALL):
            self._check_token(environ.get("HTTP_AUTHORIZATION"))

    def _check_token(self, header: str | None) -> None:
        sent = Authorization.from_header(header)
        told = None
        if sent and sent.type in _SECRETS:
            told = getattr(sent, _SECRETS[sent.type])
        # Digests have one length, so that the time tells nothing of the token's.
        digests = (sha256(each.encode()).digest() for each in (told or "", self.token))
        if not compare_digest(*digests):
            raise Unauthorized("A token is needed.", www_authenticate=_CHALLENGES)


def allow_access(host: str, names: Iterable[str], token: str, *, insecure: bool) -> Access:
    """Decide who may ask a service.

    Args:
        host: The name or address that it listens on.
        names: By which it may be called, beside that one and those of this machine.
        token: What clients must know; empty if nothing was set.
        insecure: Whether it may listen to other machines without a token.

    Raises:
        AccessError: The token is too short to be secret or cannot be sent, or there is none
            although other machines can reach the service.
    """
    if token and not _TOKEN.fullmatch(token):
        raise AccessError(
            f"{TOKEN_VARIABLE} needs at least 16 characters, all of them letters, digits or signs "
            "of ASCII."
        )
    if not (token or insecure or is_loopback(host)):
        raise AccessError(
            f"{host} can be reached from other machines. Set {TOKEN_VARIABLE} to a secret of at "
            "least 16 characters, or say --insecure to serve everybody."
        )
    own = () if host in _ANYWHERE else (f"[{host}]" if ":" in host else host,)
    return Access(frozenset(map(str.lower, (*_LOOPBACK, *own, *names))), token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a name or address."""
    if host == _LOOPBACK[0]:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
