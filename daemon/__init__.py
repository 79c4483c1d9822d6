"""One process a node: pure machines inside, edges to broker, disk and workers outside."""
