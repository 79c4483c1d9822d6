"""The conversation agent: a sentence and the exposed home go to the bus, what comes back is done here.

`home_control` answers with intents, or abstains. What it abstains from goes to the next agent, by default
Home Assistant's own. Where it is set to talk, what the router takes for a talk or a sum goes to who can
do that instead, and so does what the next agent does not understand; a text comes as it is written.
"""

import contextlib
import logging
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import intent
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import speech
from .bus import BusError
from .commands import carry_out
from .const import CONF_CAPABILITY, CONF_NEXT_AGENT, CONF_TALK
from .contract import HOME_CONTROL, ROUTING, TEXT_GENERATION, Answer, Options
from .entity import BusEntity
from .exposed import scene_of
from .plan import abstained
from .talk import Turn, request, talker, turns

if TYPE_CHECKING:
    from . import ForgebusEntry

_LOGGER = logging.getLogger(__name__)

PARALLEL_UPDATES = 0
COMMAND_S = 10.0
"""Deadline of a command: whoever has spoken waits no longer."""
TALK_S = 60.0
_PASSED_ON: ContextVar[frozenset[str]] = ContextVar("forgebus_passed_on", default=frozenset())
"""The agents that have passed this sentence on: two of them may name each other as the next."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: "ForgebusEntry",
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the agent."""
    async_add_entities([Agent(entry)])


class Agent(BusEntity, conversation.ConversationEntity):
    """Assist, by way of the bus."""

    _attr_supports_streaming = True
    _attr_supported_features = conversation.ConversationEntityFeature.CONTROL

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "agent")
        self._attr_name = None

    @property
    def supported_languages(self) -> list[str] | Literal["*"]:
        """The languages that the home model was trained in."""
        return list(speech.LANGUAGES)

    async def _async_handle_message(
        self,
        user_input: conversation.ConversationInput,
        chat_log: conversation.ChatLog,
    ) -> conversation.ConversationResult:
        """Answer one sentence."""
        response = await self._commanded(user_input)
        if response is not None:
            return self._said(response, chat_log)
        talks = bool(self._entry.options.get(CONF_TALK))
        if talks and (capability := await self._talker(user_input.text)):
            talked = await self._talked(capability, user_input, chat_log)
            if talked is not None:
                return talked
        said = len(chat_log.content)
        result = await self._next(user_input, chat_log)
        if result is not None and not _not_understood(result.response):
            return result
        if talks:
            # That the next agent did not understand is no part of the talk.
            excuse = chat_log.content[said:]
            del chat_log.content[said:]
            talked = await self._talked(self._default, user_input, chat_log)
            if talked is not None:
                return talked
            chat_log.content.extend(excuse)
        if result is not None:
            return result
        response = intent.IntentResponse(language=user_input.language)
        response.async_set_error(
            intent.IntentResponseErrorCode.NO_INTENT_MATCH,
            speech.word(user_input.language, "not_understood"),
        )
        return self._said(response, chat_log)

    @property
    def _default(self) -> str:
        return str(self._entry.options.get(CONF_CAPABILITY, TEXT_GENERATION))

    async def _talker(self, said: str) -> str | None:
        """Which capability the router gives the sentence to; None where that is none that talks.

        Asked before the next agent, which may take a wish for a story for a question after the time.
        """
        try:
            answer = await self._bus.ask(ROUTING, said, Options(deadline_s=COMMAND_S))
        except BusError:
            return None
        intent_named = answer.result.get("intent") if isinstance(answer.result, dict) else None
        return talker(intent_named, self._default)

    async def _commanded(
        self, user_input: conversation.ConversationInput
    ) -> intent.IntentResponse | None:
        """What `home_control` made of it; None where it abstained, or nobody answered."""
        home = scene_of(self.hass, user_input.text, user_input.device_id)
        try:
            answer = await self._bus.ask(HOME_CONTROL, home, Options(deadline_s=COMMAND_S))
        except BusError as fault:
            _LOGGER.info("The bus was not asked, or did not answer: %s", fault)
            return None
        if not answer.done or answer.abstained or abstained(answer.result):
            _LOGGER.debug("No command: %s", answer.rejected or answer.outcome)
            return None
        return await carry_out(self.hass, answer.result, user_input)

    async def _next(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog
    ) -> conversation.ConversationResult | None:
        """The next agent's answer; None where there is none, or it has passed the sentence on itself."""
        agent_id = self._entry.options.get(CONF_NEXT_AGENT, conversation.HOME_ASSISTANT_AGENT)
        passed_on = _PASSED_ON.get() | {self.entity_id}
        if not agent_id or agent_id in passed_on:
            return None
        before = _PASSED_ON.set(passed_on)
        try:
            return await conversation.async_converse(
                self.hass,
                user_input.text,
                chat_log.conversation_id,
                user_input.context,
                user_input.language,
                agent_id,
                user_input.device_id,
                user_input.satellite_id,
                user_input.extra_system_prompt,
            )
        except ValueError:
            _LOGGER.warning("The next agent %s is not there", agent_id)
            return None
        finally:
            _PASSED_ON.reset(before)

    async def _talked(
        self,
        capability: str,
        user_input: conversation.ConversationInput,
        chat_log: conversation.ChatLog,
    ) -> conversation.ConversationResult | None:
        """A text of the capability that talks, as it is written; None where the bus cannot."""
        content = request(capability, user_input.text, _history(chat_log))
        stream = self._bus.stream(capability, content, Options(deadline_s=TALK_S))
        said = False
        try:
            async with contextlib.aclosing(stream):
                async for content_said in chat_log.async_add_delta_content_stream(
                    self.entity_id, _deltas(stream)
                ):
                    said = said or bool(getattr(content_said, "content", None))
        except BusError as fault:
            _LOGGER.info("Nobody talked: %s", fault)
            return None
        if not said:
            return None
        return conversation.async_get_result_from_chat_log(user_input, chat_log)

    def _said(
        self, response: intent.IntentResponse, chat_log: conversation.ChatLog
    ) -> conversation.ConversationResult:
        """The response, which is part of the conversation from now on."""
        chat_log.async_add_assistant_content_without_tools(
            conversation.AssistantContent(
                agent_id=self.entity_id,
                content=str(response.speech.get("plain", {}).get("speech", "")),
            )
        )
        return conversation.ConversationResult(
            response=response, conversation_id=chat_log.conversation_id
        )


async def _deltas(
    stream: AsyncGenerator[str | Answer],
) -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    """Pieces of a text as Home Assistant takes them. Nothing is begun before there is one."""
    begun = False
    async for item in stream:
        if isinstance(item, Answer):
            continue
        if not begun:
            begun = True
            yield {"role": "assistant"}
        yield {"content": item}


def _history(chat_log: conversation.ChatLog) -> list[Turn]:
    """What was said before this sentence, and what was replied to it."""
    spoken: list[tuple[str, Any]] = [
        (one.role, getattr(one, "content", None)) for one in chat_log.content
    ]
    return turns(spoken)


def _not_understood(response: intent.IntentResponse) -> bool:
    return (
        response.response_type is intent.IntentResponseType.ERROR
        and response.error_code is intent.IntentResponseErrorCode.NO_INTENT_MATCH
    )
