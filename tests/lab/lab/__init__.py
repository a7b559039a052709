"""The lab runner; the language of its files is described in doc/labs.md."""
