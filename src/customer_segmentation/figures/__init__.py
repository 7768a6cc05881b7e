"""Figures: one function per figure, from a tidy table to a figure; nothing is computed."""
