"""One five-criterion rule over the same generated patients by Graftwatch, by npm engines and by hand-written Python.

Decides nothing: `hospital` makes the patients, `graftwatch`, `handwritten` and `npm` screen them, `__main__` compares.
"""
