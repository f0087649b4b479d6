"""The only I/O of what is shared: settings, logs, clock, Postgres, Kafka, Faust, outbox. Decides nothing clinical."""
