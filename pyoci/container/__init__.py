"""A container: on disk, in /proc, and at the other end of a socket."""
