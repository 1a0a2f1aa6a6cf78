"""Decodes what decode.ts names, with pydicom: a job a line on standard input, its time on standard output.

Of several plugins for a transfer syntax the one that takes the least of the processor's time is taken, which is found
out at a file's first job.
"""

import hashlib
import json
import sys
import time

import numpy
import pydicom


def plugins_for(path):
    """None: pydicom's own choice, the only one before pydicom 3."""
    try:
        from pydicom.pixels import get_decoder
    except ImportError:
        return (None,)
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    return get_decoder(syntax).available_plugins or (None,)


def decode(path, repeats, plugin):
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        dataset = pydicom.dcmread(path)
        if plugin is not None:
            dataset.pixel_array_options(decoding_plugin=plugin)
        pixels = dataset.pixel_array
    return time.perf_counter() - started, time.process_time() - cpu, pixels


print(f"pydicom {pydicom.__version__}, numpy {numpy.__version__}, Python {sys.version.split()[0]}", flush=True)
chosen = {}
for line in sys.stdin:
    job = json.loads(line)
    path = job["path"]
    try:
        if path not in chosen:
            chosen[path] = min(plugins_for(path), key=lambda plugin: min(decode(path, 1, plugin)[1] for _ in range(5)))
    except NotImplementedError:
        print(json.dumps({"seconds": 0, "cpuSeconds": 0, "sha256": "", "plugin": None}), flush=True)
        continue
    seconds, cpu_seconds, pixels = decode(path, job["repeats"], chosen[path])
    last = pixels if pixels.ndim == 2 else pixels[-1]
    digest = hashlib.sha256(last.astype("<i4").tobytes()).hexdigest()
    answer = {"seconds": seconds, "cpuSeconds": cpu_seconds, "sha256": digest, "plugin": chosen[path] or "its own"}
    print(json.dumps(answer), flush=True)
