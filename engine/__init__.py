"""Forge: small language models, trained with torch and served with onnxruntime.

Nothing is imported here: the serving files (`runtime`, `decoding`, `sampling`, `grammar`,
`tokenizer`, `config`, `errors`) never need torch, and the training files (`model`, `train`)
load it when they are imported themselves. See docs/engine.md for the order of reading.
"""
