"""What a node can do: one capability a file, listed in :mod:`handlers.catalog`.

A handler turns one task's content (JSON) into one result (JSON). It runs synchronously inside a
worker process; the daemon itself imports only :mod:`handlers.catalog` and :mod:`handlers.protocol`,
neither of which loads numpy, onnxruntime or the engine.
"""
