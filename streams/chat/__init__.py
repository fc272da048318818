"""Messages to people: `open.sender` gives the one for a service; what it takes and answers is in `message`."""
