"""
The engine's log: few lines, of what the process did and never of what it stored. Standard output and standard error
go to the same file, so that what the engine itself says before it fails is there too. Bounded: one old file is kept.
"""

import os
import sys
import time

_MAX_BYTES = 1024 * 1024


class Log:
    def __init__(self, path: str):
        self.path = path
        self._open()

    def __call__(self, message: str) -> None:
        if os.fstat(1).st_size > _MAX_BYTES:
            os.replace(self.path, f"{self.path}.1")
            self._open()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stderr.write(f"{stamp} {message}\n")
        sys.stderr.flush()

    def _open(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for standard in (1, 2):
            os.dup2(descriptor, standard)
        os.close(descriptor)
