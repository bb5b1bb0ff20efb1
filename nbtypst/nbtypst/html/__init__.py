"""HTML, as it is in outputs and in Markdown."""
