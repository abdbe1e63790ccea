"""Delivers what happened to calls to webhooks and to the CRM: in order per call, again when it failed, for a day."""
