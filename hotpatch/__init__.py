"""hotpatch: change the code of a running Python program, soundly, or be told why not."""

__version__ = "0.1.0"
