"""The safety commands: grades of a file of laboratory values, figures of the trial, exports.

Decide nothing: every grade, case and figure comes from the pure rules.
"""
