"""Pure clinical rules that two or more services need. No I/O, no clock."""
