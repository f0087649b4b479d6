"""`python -m services.intake`: run the FHIR REST intake until stopped."""

from services.intake.app import main

if __name__ == "__main__":
    main()
