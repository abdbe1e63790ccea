"""Everything on one machine, for somebody who wants to see it work."""
