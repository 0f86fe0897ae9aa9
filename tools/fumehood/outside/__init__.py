"""The only doors to programs and to the file system's harder corners: one module each."""
