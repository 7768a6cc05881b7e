"""Figures: one function per figure, from a tidy table to a matplotlib figure; nothing is computed."""
