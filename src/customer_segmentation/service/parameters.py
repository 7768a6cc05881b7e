"""What a user may change about the service."""

from __future__ import annotations

from pydantic import Field

from customer_segmentation.panel.values import Configured


class ServiceParameters(Configured):
    """Limits and pauses of the service.

    Attributes:
        batch_limit: Most households in one request.
        body_bytes: Largest body of a request, in bytes.
        header_bytes: Largest line and headers of a request, in bytes.
        threads: Number of requests that are answered at the same time; others wait.
        connections: Most connections that are open at the same time; others wait to be accepted.
        idle_seconds: A connection on which nothing happens is closed after that many seconds.
        request_seconds: A request is cut that many seconds after its first byte if it is not whole.
        reload_seconds: Seconds between two looks at the manifest of the model.
        drain_seconds: Seconds that requests in flight have when the service is told to stop.
        trusted_hosts: Names, without a port, by which clients may call the service; this machine's
            own (`localhost` and its addresses) always may.
    """

    batch_limit: int = Field(ge=1)
    body_bytes: int = Field(ge=1024)
    header_bytes: int = Field(ge=1024)
    threads: int = Field(ge=1)
    connections: int = Field(ge=1)
    idle_seconds: int = Field(ge=1)
    request_seconds: float = Field(gt=0)
    reload_seconds: float = Field(gt=0)
    drain_seconds: float = Field(ge=0)
    trusted_hosts: tuple[str, ...] = ()
