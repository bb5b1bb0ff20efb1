"""The homework as an exercise: an edition with blanks, and a check of any file.

cases  <-  calls  <-  notes  <-  edition, and calls  <-  check, which reads the notes
"""
