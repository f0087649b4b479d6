"""How fast the console's pages are with 10,000 patients, served by the real process from a real database."""
