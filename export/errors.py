"""What goes wrong and can be put right by the user."""


class ExportError(Exception):
    """Something the user can put right; the message is the one line to show."""
