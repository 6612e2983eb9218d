"""What a table that is well-formed may still hide: drift, leaks, doubles, contradictions."""
