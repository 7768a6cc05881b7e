"""The scoring bundle: all that is needed to score a household, in plain numbers."""
