"""From rows to a checkpoint: what `forgebus train` runs. Only `loop` and what it needs import torch."""
