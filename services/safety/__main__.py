"""`python -m services.safety`: run the safety service until stopped."""

from services.safety.app import main

if __name__ == "__main__":
    main()
