"""The pipelines: what the other packages do, wired between named datasets."""
