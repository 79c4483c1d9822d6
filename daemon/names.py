"""Forms of names that several sections of the configuration share."""

from typing import Annotated

from msgspec import Meta

TopicBase = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$(?!\n)",
        description="topic levels such as forgebus/v1, with no leading or trailing slash",
    ),
]
Login = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$(?!\n)",
        description="up to 31 lower-case letters, digits and hyphens, or empty",
    ),
]
