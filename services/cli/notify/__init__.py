"""The commands about notifications: check a recipients file, see what waits, acknowledge, hand out the record."""
