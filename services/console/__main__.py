"""`python -m services.console`: serve the console until stopped."""

from services.console.app import main

if __name__ == "__main__":
    main()
