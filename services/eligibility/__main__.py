"""`python -m services.eligibility`: run the eligibility service until stopped."""

from services.eligibility.app import main

if __name__ == "__main__":
    main()
