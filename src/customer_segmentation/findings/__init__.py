"""Findings: what the tables say, in sentences; change a table and its sentences change."""
