"""The version of this release, as the card tells it."""

VERSION = "0.1.0"
