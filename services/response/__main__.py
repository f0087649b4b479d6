"""`python -m services.response`: run the response service until stopped."""

from services.response.app import main

if __name__ == "__main__":
    main()
