"""This homework's write-up: notebooks, a cover and all code as one PDF.

    python -m export                  the whole write-up; --help lists the options

The modules, in the order in which the data passes through them (build calls them):

    cover, sources, write_up    one document: first page, questions, appendix
    check, write                the PDF: read back, and put in place
"""
