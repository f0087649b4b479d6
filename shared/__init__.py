"""What the services agree on. Pure, but for `runtime/`. Read it in this order:

`dates`, `quantities`, `codes`, `terminology` (the words), `facts` and `timeline` (what is known of a patient), `outcomes` and
`events` (what may be decided and told), `protocol/` (what a trial asks), `fhir/` (records to facts), `rules/` (medicine),
`topics` and `sites` (where records come from), `runtime/` (the only I/O).
"""
