"""One ranked table over the whole market, now."""
