"""From a node's corrections to a better model of its own, or to none: `forgebus learn`."""
