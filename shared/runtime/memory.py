"""What a service's garbage collector looks at. Decides nothing.

CPython (3.11) looks at its oldest objects only once a quarter as many again have outlived two younger collections: of a service
that has loaded a few hundred thousand objects at its start, garbage that refers to itself would lie for hours.
"""

from __future__ import annotations

import gc


def spare_what_stays() -> None:
    """What a service has loaded once it works is never looked at again, so that what it lets go of later is found soon.

    To be called at the end of the start. The second collection counts what is left to look at: the next one is due after a
    quarter of that, and is short.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
