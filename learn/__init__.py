"""The homework as an exercise: an edition with blanks, and a check of any file.

    python -m learn.edition TO          write the edition, with blanks for functions
    python -m learn.check FILE          check a file, and name the mistakes in it
    python -m learn.edition FILE.zip    pack the check for Gradescope

cases  <-  calls  <-  notes  <-  edition, and calls  <-  check, which reads the notes
"""
