"""How a message leaves: by mail, as a webhook, as a FHIR notification. Each says what became of it; none decides when."""
