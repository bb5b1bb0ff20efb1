"""This homework's write-up: notebooks, a cover and all code as one PDF.

build calls the modules in the order in which the data passes through them: cover,
sources and write_up make a document; check reads the PDF back; write puts it in place.
"""
