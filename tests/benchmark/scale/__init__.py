"""`make bench-scale` measures each service by workers and partitions; `make scale` turns that into `docs/scale.md`."""
