"""One call of C++ for the whole forward pass of an int8 model; see docs/fused.md.

`initialisers` reads the weights out of the served graph, `build` compiles `fused.cpp` for this
processor, `step` runs it. Nothing is imported here and nothing is built on import.
"""
