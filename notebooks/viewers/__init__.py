"""Viewers that answer at once, each used in one line of a notebook.

    look_into        page through the digits that a network gets wrong, and see why
    record           keep what a training run passes through, for
    through_time     which goes back and forth in it
    train_yourself   set the step size and the rest, and compare the runs
    move_epsilon     move the step of a finite difference
    draw_a_digit     draw a 3 or a 9 and watch the network's answer

Each shows its widgets and returns the box that holds them; find(box, label) gives one.
A slider sends the kernel only its newest position, so that a fast drag never waits for
old pictures. The functions named *_figure draw the same as a figure for print.
"""

from .controls import find
from .drawing import EXAMPLES, draw_a_digit, drawings_figure
from .finite_difference import move_epsilon
from .mistakes import look_into, reasons_figure
from .playground import train_yourself
from .recording import record, through_time
from .sketchpad import as_mnist, ink, seen

__all__ = [
    "EXAMPLES", "as_mnist", "draw_a_digit", "drawings_figure", "find", "ink",
    "look_into", "move_epsilon", "reasons_figure", "record", "seen", "through_time",
    "train_yourself"]
