"""Pure and synchronous: bars in, alerts out. Replay and live run the same lines."""
