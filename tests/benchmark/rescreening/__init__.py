"""How long it takes to screen a large hospital anew after a change of protocol, and that an interruption costs nothing."""
