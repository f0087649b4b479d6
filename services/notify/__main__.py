"""`python -m services.notify`: run the notify service until stopped."""

from services.notify.app import main

if __name__ == "__main__":
    main()
