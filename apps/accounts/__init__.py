"""People, teams, keys, and who may do what."""
