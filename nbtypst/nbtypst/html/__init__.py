"""HTML in outputs and in Markdown."""
