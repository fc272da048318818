"""Redis and Valkey: the stream of alerts, the stream of events, one who follows, a server of our own."""
