"""AI tasks: data in the structure that was asked for, written by a node's text model under a grammar."""

import json
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.components import ai_task, conversation
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .contract import MOST_TOKENS, TEXT_GENERATION, Options
from .entity import BusEntity
from .schema import Unsupported, understood
from .structure import converted

if TYPE_CHECKING:
    from . import ForgebusEntry

PARALLEL_UPDATES = 0
TASK_S = 120.0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: "ForgebusEntry",
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entity."""
    async_add_entities([DataWriter(entry)])


class DataWriter(BusEntity, ai_task.AITaskEntity):
    """Writes data by way of the bus."""

    _attr_supported_features = ai_task.AITaskEntityFeature.GENERATE_DATA

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "data")

    async def _async_generate_data(
        self, task: ai_task.GenDataTask, chat_log: conversation.ChatLog
    ) -> ai_task.GenDataTaskResult:
        """Do one task; its data is checked by the structure that it was asked for in."""
        content: dict[str, Any] = {"prompt": task.instructions, "max_tokens": MOST_TOKENS}
        if task.structure is not None:
            content |= {"schema": _schema(task, chat_log), "temperature": 0.3}
        options = Options(deadline_s=TASK_S, max_tokens=MOST_TOKENS)
        answer = await self._bus.ask(TEXT_GENERATION, content, options)
        if not answer.done or not isinstance(answer.result, dict):
            why = answer.error or answer.rejected or str(answer.outcome)
            raise _failed("task_not_done", error=why)
        text = str(answer.result.get("text", ""))
        chat_log.async_add_assistant_content_without_tools(
            conversation.AssistantContent(agent_id=self.entity_id, content=text)
        )
        data: Any = text
        if task.structure is not None:
            data = _checked(text, task.structure)
        return ai_task.GenDataTaskResult(conversation_id=chat_log.conversation_id, data=data)


def _schema(task: ai_task.GenDataTask, chat_log: conversation.ChatLog) -> dict[str, Any]:
    serializer = chat_log.llm_api.custom_serializer if chat_log.llm_api else None
    try:
        return understood(converted(task.structure, serializer or llm.selector_serializer))
    except Unsupported as fault:
        raise _failed("structure_not_supported", fault=str(fault)) from fault


def _checked(text: str, structure: vol.Schema) -> Any:
    try:
        return structure(json.loads(text))
    except (ValueError, vol.Invalid) as fault:
        raise _failed("data_not_valid", fault=str(fault)) from fault


def _failed(key: str, **told: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=told
    )
