"""The Asterisk REST Interface: pure messages, two transports, one gateway."""
