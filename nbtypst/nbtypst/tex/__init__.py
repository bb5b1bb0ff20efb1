"""Formulas: found in a text, their macros expanded, rewritten for Pandoc."""
