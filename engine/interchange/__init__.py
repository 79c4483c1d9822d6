"""Models in from elsewhere and out to others, and the refusal of what could run code."""
