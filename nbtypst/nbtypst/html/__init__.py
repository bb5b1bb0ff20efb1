"""HTML, as it is in outputs and in Markdown: find.lua, then page."""
