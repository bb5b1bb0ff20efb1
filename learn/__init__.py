"""The homework as something to do: a learner's edition, and a check of anybody's file.

    python -m learn.edition TO          write the edition, with blanks for functions
    python -m learn.check FILE          check a file, and name the mistakes in it
    python -m learn.edition FILE.zip    pack the check for Gradescope

record runs the network's functions, right and with each mistake of mistakes.txt, and
notes what they return. check compares with these notes: neither it nor run, which calls
the functions that are checked, holds a solution, so that both can be handed out.
"""
