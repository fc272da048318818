"""What people are told of alerts: channels, messages, queues, and the service that reads the stream for them."""
