"""`python -m shared.runtime.healthcheck`: exit code 0 while the service of this container is healthy. Decides nothing.

Imports the standard library only: a container engine runs it every half minute.
"""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

_ANSWER_SECONDS: Final = 8.0


def main() -> int:
    """Ask `/health` at the port of GRAFTWATCH_WEB_PORT; print what was answered."""
    port = os.environ.get("GRAFTWATCH_WEB_PORT", "")
    if not port.isdigit() or port == "0":
        print("GRAFTWATCH_WEB_PORT is not set to a port: nothing can be asked", file=sys.stderr)
        return 1
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        print(answer.read(2000).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer at port {port}: {type(error).__name__}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    return 0 if answer.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    raise SystemExit(main())
