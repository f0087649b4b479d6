"""The services. Each reads facts, decides one thing, and writes its own schema; none imports another."""
