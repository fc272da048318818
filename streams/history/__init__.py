"""What is kept: bars, alerts, outcomes and questions, in files or in PostgreSQL."""
