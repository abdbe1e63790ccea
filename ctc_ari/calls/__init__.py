"""Calls: a pure engine that decides, and one shell that carries it out."""
