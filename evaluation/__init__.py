"""What a model is worth: `forgebus eval`, on public sets and on our own rows.

`cases` says what is asked and what came of it, `figures` counts it, and each kind of model has its
own reader and its own judge. Imports point to handlers and engine; nothing of a node imports this.
"""
