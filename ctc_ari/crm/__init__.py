"""The CRM: where agents and contacts come from when they are not kept here, and who hears of calls."""
