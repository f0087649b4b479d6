"""The `graftwatch` command: the local stack, the simulator, the demonstration, and offline use of the services' pure rules."""
