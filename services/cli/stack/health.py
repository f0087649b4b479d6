"""Decides whether a service's web server says that it is healthy.

It does not decide what healthy means to the service.
"""

from __future__ import annotations

import http.client

from services.cli.stack import ports

ANSWER_LIMIT_S = 2.0


def is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
