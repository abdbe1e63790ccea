"""The call log: one row per call, from the engine's own record and from Asterisk's."""
