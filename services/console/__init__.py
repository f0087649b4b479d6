"""Console: the web pages in which trial staff see what was concluded, why, and answer.

Reads: the views of the schema `console`. Decides: who may see and do what, and whether a statement still speaks of what its
author saw. Writes: sessions, acknowledgements, assignments, comments, attestations (which enter by the feed like any other
record) and the audit. Never: decides anything clinical, reads an identifier without a right, a reason and an entry in the
audit, shows a patient of a study or site that its reader has no part in.
"""
