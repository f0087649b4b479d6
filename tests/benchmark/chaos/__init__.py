"""Faults with exact counts: the same feed once calm and once amid faults must end in the same state, told to the same people.

Reading order: feed and publishing (what is sent, and how disordered), clients (who speaks HTTP), services and servers (what
can be broken), faults (what is broken when, and how long until work goes on), snapshot (what is read of a run that has ended),
comparison (pure).
"""
