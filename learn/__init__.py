"""The homework as an exercise: an edition with blanks, and a check of any file."""
