"""The contract on the wire: which topics exist, what may stand on each, how it is read and written."""
