"""Messages to people: one thin sender a service."""
