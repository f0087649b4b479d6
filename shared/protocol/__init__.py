"""What a trial asks for, as data: `sourced` (values with their source), `criteria` (kinds of criteria),
`model` (the file's shape), `load` (reading and its errors), `scope` (which codes some protocol reads).
Decides nothing about a patient.
"""
