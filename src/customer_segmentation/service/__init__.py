"""The scoring service: the scorer over HTTP, and nothing that scores by itself."""
