"""What the bus answered to a sentence, done by Home Assistant's own intents, and what is said of it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import intent
from homeassistant.helpers.translation import async_translate_state

from . import speech
from .const import DOMAIN
from .exposed import ASSISTANT
from .plan import ASKING, Impossible, Step, steps

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What came of some steps."""

    done: list[tuple[Step, intent.IntentResponse]] = field(default_factory=list)
    failed: list[Step] = field(default_factory=list)


async def carry_out(
    hass: HomeAssistant, result: Any, said: conversation.ConversationInput
) -> intent.IntentResponse | None:
    """Do what an answer of `home_control` says; None where it cannot be done as it stands."""
    try:
        planned = steps(result, lambda entity_id: _attributes(hass, entity_id))
    except Impossible as fault:
        _LOGGER.warning("An answer of home_control cannot be carried out: %s", fault)
        return None
    if not planned:
        return None
    told = _Told()
    # One after the other: "open the blinds and then close the window" has an order. What one intent does
    # to several things is done at once.
    for intent_type in dict.fromkeys(step.intent for step in planned):
        together = [step for step in planned if step.intent == intent_type]
        responses = await asyncio.gather(*(_call(hass, step, said) for step in together))
        for step, response in zip(together, responses, strict=True):
            if response is None:
                told.failed.append(step)
            else:
                told.done.append((step, response))
    return _response(hass, told, said.language)


async def _call(
    hass: HomeAssistant, step: Step, said: conversation.ConversationInput
) -> intent.IntentResponse | None:
    """One intent; None where Home Assistant would not do it."""
    try:
        return await intent.async_handle(
            hass,
            DOMAIN,
            step.intent,
            {slot: {"value": value} for slot, value in step.slots.items()},
            said.text,
            said.context,
            said.language,
            ASSISTANT,
            said.device_id,
            said.satellite_id,
            said.agent_id,
        )
    except intent.IntentError as fault:
        _LOGGER.info("%s was not done for %s: %s", step.intent, step.entity_id or "home", fault)
        return None


@callback
def _response(hass: HomeAssistant, told: _Told, language: str) -> intent.IntentResponse:
    response = intent.IntentResponse(language=language)
    if not told.done:
        response.async_set_error(
            intent.IntentResponseErrorCode.FAILED_TO_HANDLE, _failed_words(hass, told, language)
        )
        return response
    asking = [one for one in told.done if one[0].intent in ASKING]
    acting = [one for one in told.done if one[0].intent not in ASKING]
    if asking and not acting:
        response.response_type = intent.IntentResponseType.QUERY_ANSWER
    sentences = [_action_words(hass, acting, language)] if acting else []
    sentences += [_answer_words(hass, one, language) for one in asking]
    if told.failed:
        sentences.append(_failed_words(hass, told, language))
    response.async_set_speech(" ".join(sentences))
    response.async_set_results(
        [target for _, one in told.done for target in one.success_results],
        [target for _, one in told.done for target in one.failed_results],
    )
    response.async_set_states([state for _, one in told.done for state in one.matched_states])
    return response


def _failed_words(hass: HomeAssistant, told: _Told, language: str) -> str:
    names = speech.listed(language, filter(None, (_name(hass, step) for step in told.failed)))
    return speech.word(language, "failed" if names else "nothing_done", names=names)


def _action_words(
    hass: HomeAssistant, done: list[tuple[Step, intent.IntentResponse]], language: str
) -> str:
    kinds: dict[tuple[str, str], list[str]] = {}
    for step, _ in done:
        domain = step.entity_id.partition(".")[0]
        kinds.setdefault((step.intent, domain), []).append(_name(hass, step))
    return speech.of_actions(
        language,
        [
            speech.Done(name, domain, tuple(filter(None, names)))
            for (name, domain), names in kinds.items()
        ],
    )


def _answer_words(
    hass: HomeAssistant, answered: tuple[Step, intent.IntentResponse], language: str
) -> str:
    step, response = answered
    slots = response.speech_slots
    if plain := response.speech.get("plain"):
        return str(plain["speech"])
    if step.intent == "HassGetCurrentTime" and "time" in slots:
        return speech.word(language, "time", time=slots["time"])
    if step.intent == "HassGetCurrentDate" and "date" in slots:
        return speech.word(language, "date", date=slots["date"])
    if step.intent == "HassTimerStatus":
        return _timer_words(slots, language)
    return speech.of_states(
        language, [_state_words(hass, state, step.intent) for state in response.matched_states]
    )


def _timer_words(slots: Mapping[str, Any], language: str) -> str:
    timers = slots.get("timers") or []
    if not timers:
        return speech.word(language, "no_timer")
    left = int(timers[0].get("total_seconds_left", 0))
    return speech.word(language, "timer", minutes=left // 60, seconds=left % 60)


def _state_words(hass: HomeAssistant, state: State, intent_type: str) -> tuple[str, str]:
    """A thing's name, and its state as a person reads it, with its unit."""
    attributes = state.attributes
    if intent_type == "HassClimateGetTemperature":
        degrees = attributes.get("current_temperature", state.state)
        return state.name, f"{degrees} {hass.config.units.temperature_unit}"
    if state.domain == "weather":
        unit = attributes.get("temperature_unit", "")
        temperature = f", {attributes['temperature']} {unit}" if "temperature" in attributes else ""
        return state.name, _translated(hass, state) + temperature
    unit = attributes.get("unit_of_measurement")
    return state.name, f"{state.state} {unit}" if unit else _translated(hass, state)


def _translated(hass: HomeAssistant, state: State) -> str:
    entry = er.async_get(hass).async_get(state.entity_id)
    return async_translate_state(
        hass,
        state.state,
        state.domain,
        entry.platform if entry else None,
        entry.translation_key if entry else None,
        state.attributes.get("device_class"),
    )


def _name(hass: HomeAssistant, step: Step) -> str:
    state = hass.states.get(step.entity_id) if step.entity_id else None
    return state.name if state else step.entity_id


def _attributes(hass: HomeAssistant, entity_id: str) -> Mapping[str, Any] | None:
    state = hass.states.get(entity_id)
    return state.attributes if state else None
