"""The demonstration: two hospitals with a simulated cohort inside a background hospital, streamed through the real stack.

Decides whether what the services concluded is what the simulation built in; concludes nothing clinical itself.
"""
