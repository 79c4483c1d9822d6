"""Names of this integration."""

from typing import Final

DOMAIN: Final = "forgebus"
CONF_BASE: Final = "base"
CONF_LOGIN: Final = "login"
CONF_CAPABILITY: Final = "capability"
CONF_NEXT_AGENT: Final = "next_agent"
CONF_TALK: Final = "talk"
