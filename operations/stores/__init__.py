"""Where files are kept: in a local folder, or in an S3-compatible object store. What the rooms above ask of either is
`PrivateStore`; they ask for no path."""
