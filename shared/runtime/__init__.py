"""The only I/O of what is shared: settings, logs, clock, Postgres, Kafka, Faust, outbox and reconciliation. Decides nothing clinical."""
