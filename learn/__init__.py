"""The homework as an exercise: an edition with blanks, and a check of any file.

    python -m learn.edition TO          write the edition, with blanks for functions
    python -m learn.check FILE          check a file, and name the mistakes in it
    python -m learn.edition FILE.zip    pack the check for Gradescope

edition notes what the functions return, right and with each of the mistakes of
mistakes.txt; check compares with these notes, and holds no solution; cases has what the
functions are called with.
"""
