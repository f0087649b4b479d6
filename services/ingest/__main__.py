"""`python -m services.ingest`: run the ingest service until stopped."""

from services.ingest.app import main

if __name__ == "__main__":
    main()
