"""This homework's write-up: notebooks, a cover and all code as one PDF."""
