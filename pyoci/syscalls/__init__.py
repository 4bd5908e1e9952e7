"""The kernel under the names of section 2 of its manual; no word of OCI.

* Everything raises plain OSError(errno, text, path) with a note that names the call: ``mount_setattr(2)``.
* Descriptors are ints, close-on-exec, and belong to the caller.
* ``call`` makes them, or ``ffi`` does, by ctypes. ``process`` and ``files`` load it late: *state*, *kill*, *start* and
  *delete* need them without it.
"""
