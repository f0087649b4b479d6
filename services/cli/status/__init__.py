"""`graftwatch status`: one screen that says what is well, what is not and what to do, whatever part of the system is down."""
