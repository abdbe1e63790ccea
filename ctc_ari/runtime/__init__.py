"""What the service runs on when the machine has nothing: a private Asterisk and an embedded PostgreSQL."""
