"""One node's configuration: a TOML file over the defaults, the environment over the file.

`configs/forgebus.toml` documents every key with its default. `load` is the only way in: a key that
does not exist, a value of the wrong type or outside its range is a `ConfigError` that names the
place, the key and what would be right. The result is frozen. Importing this reads nothing.
"""

import difflib
import re
import socket
import sys
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from bus_topics.messages import Capability, NodeId, Preference
from daemon.config_doors import DoorsConfig, OpenAIConfig, WyomingConfig
from daemon.config_home_assistant import HomeAssistantConfig
from daemon.listening import MEANT, Listen, others_reach
from daemon.names import Login, TopicBase

Port = Annotated[int, Meta(ge=1, le=65535)]
Span = Annotated[
    str,
    Meta(
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$(?!\n)",
        description="local clock times such as 22:00-07:00, or empty",
    ),
]
Rule = Annotated[
    str,
    Meta(
        pattern=r"^(\*|[a-z0-9][a-z0-9-]{0,30}):(\*|[a-z][a-z0-9_]{0,30})$(?!\n)",
        description="a login and a capability such as camera:vision, with * for any of either",
    ),
]


class ConfigError(Exception):
    """The configuration cannot be used; the message says where, which key, and what is right."""


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who this node is. In a file, an empty `id` or `state_dir` asks for the default."""

    id: NodeId
    state_dir: Path
    profile: Literal["custom", "pi_zero", "pi_4", "pi_5", "desktop", "gpu_server"] = "custom"
    hub: bool = True
    operators: tuple[NodeId, ...] = ("cli",)
    inbox_per_s: Annotated[float, Meta(ge=1.0, le=1e6)] = 2000.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"


class BrokerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the MQTT broker. In a file, an empty path stands for none."""

    host: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    port: Port = 1883
    username: Login = ""
    password_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    base: TopicBase = "forgebus/v1"
    start: Literal["auto", "never"] = "auto"
    will_delay_s: Annotated[int, Meta(ge=0, le=300)] = 5


class WorkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What this node does for others, and at what price."""

    capabilities: tuple[Capability, ...] = (
        "intent_classification",
        "home_control",
        "text_generation",
        "math",
        "vision",
    )
    slots: Annotated[int, Meta(ge=1, le=64)] = 1
    batch: Annotated[int, Meta(ge=1, le=64)] = 4
    max_queue: Annotated[int, Meta(ge=0, le=10_000)] = 64
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    task_limit_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 120.0
    memory_limit_mb: Annotated[int, Meta(ge=64, le=1_048_576)] = 512
    worker_idle_s: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 300.0
    cost_per_s: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0
    quiet_hours: Span = ""
    accept_from: tuple[NodeId, ...] = ()
    models_dir: Path = msgspec.field(default_factory=lambda: shipped("models"))
    preload: tuple[Capability, ...] = ()


class AuctionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How this node, as a task's home, finds and watches a contractor."""

    preference: Preference = Preference.LOCAL_FIRST
    window_ms: Annotated[int, Meta(ge=1, le=60_000)] = 150
    max_window_ms: Annotated[int, Meta(ge=1, le=60_000)] = 4000
    lease_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 15.0
    beat_s: Annotated[float, Meta(gt=0.0, le=1800.0)] = 5.0
    max_open: Annotated[int, Meta(ge=1, le=1000)] = 8
    max_tasks: Annotated[int, Meta(ge=1, le=1_000_000)] = 2000
    sender_tasks: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    sender_mb: Annotated[int, Meta(ge=1, le=100_000)] = 32
    sender_per_s: Annotated[float, Meta(ge=0.01, le=1e6)] = 200.0
    max_attempts: Annotated[int, Meta(ge=1, le=100)] = 3
    private_nodes: tuple[NodeId, ...] = ()
    may_submit: tuple[Rule, ...] = ()
    may_run: tuple[Rule, ...] = ()
    handoff: bool = True
    ageing_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 10.0
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 7
    keep_mb: Annotated[int, Meta(ge=1, le=1_048_576)] = 512


class LearningConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this node keeps corrections of its answers, to learn from them."""

    corrections: bool = False
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 365


class ObservabilityConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where metrics and health are told over HTTP; nowhere while `listen` is empty."""

    listen: Listen = ""
    allow_remote: bool = False

    def unguarded(self) -> str:
        """Why other machines may not reach it; empty where that was meant."""
        return "" if self.allow_remote else f"others would read this node's metrics there; {MEANT}"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `load` found, complete and checked."""

    node: NodeConfig
    broker: BrokerConfig = BrokerConfig()
    work: WorkConfig = msgspec.field(default_factory=WorkConfig)
    auction: AuctionConfig = AuctionConfig()
    learning: LearningConfig = LearningConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    doors: DoorsConfig = DoorsConfig()
    openai: OpenAIConfig = OpenAIConfig()
    wyoming: WyomingConfig = WyomingConfig()
    home_assistant: HomeAssistantConfig = HomeAssistantConfig()


def load(
    path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """Read the configuration; of two values for a key the later source wins.

    Sources in order: the defaults; the shipped file of `node.profile`; one file, which is `path`, else `$FORGEBUS_CONFIG`, else the
    first of ./forgebus.toml and /etc/forgebus/forgebus.toml that exists; the variables
    `FORGEBUS_<SECTION>__<KEY>` of `env` (lists separated by commas); `overrides`, keyed
    "section.key" as the command line gives them.

    Raises:
        ConfigError: the file cannot be read, or a key or value in any source is wrong.
    """
    env = {} if env is None else env
    values: dict[str, dict[str, _Value]] = {section: {} for section in _SECTIONS}
    given = [*_from_file(path, env), *_from_env(env), *_from_overrides(overrides or {})]
    for section, key, value in (*_from_profile(given), *given):
        values[section][key] = value
    _fill_node(values["node"], env)
    if _is_empty(values["work"].get("models_dir")):
        values["work"].pop("models_dir", None)
    config = Config(
        **{
            section: struct(
                **{key: _convert(section, key, v) for key, v in values[section].items()}
            )
            for section, struct in _SECTIONS.items()
        }
    )
    _check_together(config)
    return config


def names_broker(path: Path | None, env: Mapping[str, str]) -> bool:
    """Whether the file or the environment says which broker; else one may be remembered, or found."""
    said = (*_from_file(path, env), *_from_env(env))
    return any(section == "broker" and key in {"host", "port"} for section, key, _ in said)


def shipped(folder: str) -> Path:
    """Where `models`, `configs` or `systemd` lie: in the checkout, else where pip installed them."""
    checkout = Path(__file__).resolve().parent.parent / folder
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share" / "forgebus" / folder


class _Value(msgspec.Struct, frozen=True):
    """A raw value and the place it came from, for messages. `text` came from the environment."""

    raw: Any
    source: str
    text: bool = False


_SECTIONS: dict[str, Any] = {
    "node": NodeConfig,
    "broker": BrokerConfig,
    "work": WorkConfig,
    "auction": AuctionConfig,
    "learning": LearningConfig,
    "observability": ObservabilityConfig,
    "doors": DoorsConfig,
    "openai": OpenAIConfig,
    "wyoming": WyomingConfig,
    "home_assistant": HomeAssistantConfig,
}
_FIELDS: dict[str, dict[str, Any]] = {
    section: {field.name: field.type for field in msgspec.structs.fields(struct)}
    for section, struct in _SECTIONS.items()
}
_PREFIX = "FORGEBUS_"
_Found = Iterator[tuple[str, str, _Value]]


def _from_profile(given: list[tuple[str, str, _Value]]) -> _Found:
    """What the profile that was chosen says; "custom" says nothing, and a wrong name is told later.

    What it preloads is for its own capabilities: others than those are given with their own preload.
    """
    named = [value.raw for *at, value in given if at == ["node", "profile"]]
    path = shipped("configs") / f"{named[-1]}.toml" if named else None
    if path and named[-1] in get_args(_FIELDS["node"]["profile"]) and named[-1] != "custom":
        others = any(at == ["work", "capabilities"] for *at, _ in given)
        yield from (each for each in _from_file(path, {}) if not (others and each[1] == "preload"))


def _from_file(path: Path | None, env: Mapping[str, str]) -> _Found:
    if path is None and env.get("FORGEBUS_CONFIG"):
        path = Path(env["FORGEBUS_CONFIG"])
    if path is None:
        usual = (Path("forgebus.toml"), Path("/etc/forgebus/forgebus.toml"))
        path = next((p for p in usual if p.is_file()), None)
    if path is None:
        return
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    for section, table in tables.items():
        _known_section(section, str(path))
        if not isinstance(table, dict):
            raise ConfigError(
                f"{path}: {section} must be a table: write [{section}] on its own line"
            )
        for key, raw in table.items():
            _known_key(section, key, str(path))
            yield section, key, _Value(raw, str(path))


def _from_env(env: Mapping[str, str]) -> _Found:
    for name, text in sorted(env.items()):
        if not name.startswith(_PREFIX) or "__" not in name:
            continue
        section, key = name.removeprefix(_PREFIX).lower().split("__", 1)
        source = f"environment variable {name}"
        _known_section(section, source)
        _known_key(section, key, source)
        yield section, key, _Value(text, source, text=True)


def _from_overrides(overrides: Mapping[str, object]) -> _Found:
    for dotted, raw in overrides.items():
        section, _, key = dotted.partition(".")
        _known_section(section, "command line")
        _known_key(section, key, "command line")
        yield section, key, _Value(raw, "command line")


def _known_section(section: str, source: str) -> None:
    if section not in _SECTIONS:
        holders = [name for name, fields in _FIELDS.items() if section in fields]
        if holders:
            raise ConfigError(
                f"{source}: {section} stands outside a section; it is of [{holders[0]}]"
            )
        raise ConfigError(f"{source}: no section [{section}]{_nearest(section, _SECTIONS)}")


def _known_key(section: str, key: str, source: str) -> None:
    if key in _FIELDS[section]:
        return
    holders = [name for name, fields in _FIELDS.items() if key in fields]
    hint = f"; it is a key of [{holders[0]}]" if holders else _nearest(key, _FIELDS[section])
    raise ConfigError(f"{source}: no key {key!r} in [{section}]{hint}")


def _nearest(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}"


def _fill_node(node: dict[str, _Value], env: Mapping[str, str]) -> None:
    """Put the defaults that depend on the machine where nothing was said."""
    if _is_empty(node.get("id")):
        node["id"] = _Value(_node_id(socket.gethostname()), "host name")
    if _is_empty(node.get("state_dir")):
        node["state_dir"] = _Value(str(_state_dir(env, str(node["id"].raw))), "default")


def _is_empty(value: _Value | None) -> bool:
    return value is None or value.raw == ""


def _node_id(host: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", host.lower()).strip("-")[:31].rstrip("-") or "node"


def _state_dir(env: Mapping[str, str], node: str) -> Path:
    if env.get("STATE_DIRECTORY"):  # systemd gives a list when the unit names several
        return Path(env["STATE_DIRECTORY"].split(":")[0])
    if env.get("XDG_STATE_HOME"):
        return Path(env["XDG_STATE_HOME"]) / "forgebus" / node
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return home / ".local" / "state" / "forgebus" / node


def _convert(section: str, key: str, value: _Value) -> object:
    kind, raw = _FIELDS[section][key], value.raw
    if raw == "" and type(None) in get_args(kind):
        return None
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if value.text and get_origin(bare) is tuple:
        raw = [word.strip() for word in raw.split(",") if word.strip()]
    try:
        found = msgspec.convert(raw, kind, strict=not value.text, dec_hook=_path)
    except msgspec.ValidationError as error:
        reason = f"{str(error).split(' - at ')[0]}{_explanation(kind)}"
        raise ConfigError(f"{value.source}: [{section}] {key} = {raw!r}: {reason}") from error
    return found


def _explanation(kind: Any) -> str:
    """What msgspec's own message leaves out: the choices, or a pattern in words."""
    if get_origin(kind) is Literal:
        return f"; choose one of {', '.join(get_args(kind))}"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"; choose one of {', '.join(kind)}"
    words = [
        meta.description
        for part in (kind, *get_args(kind))
        for meta in getattr(part, "__metadata__", ())
        if meta.description
    ]
    return f"; that is: {words[0]}" if words else ""


def _path(kind: type, raw: object) -> Path:
    if kind is not Path or not isinstance(raw, str | Path):
        raise TypeError("Expected a path as text")
    return Path(raw).expanduser()


def _check_together(config: Config) -> None:
    """Refuse values that are right alone and wrong together."""
    broker, work, auction, doors = config.broker, config.work, config.auction, config.doors
    _check_listen(config)
    missing = [name for name in work.preload if name not in work.capabilities]
    wrong = {
        "[auction] max_window_ms is smaller than window_ms; raise it": (
            auction.max_window_ms < auction.window_ms
        ),
        "[auction] lease_s must be at least twice beat_s, or one lost beat ends a lease": (
            auction.lease_s < 2 * auction.beat_s
        ),
        "[broker] tls_cert and tls_key go together; give both or neither": (
            (broker.tls_cert is None) != (broker.tls_key is None)
        ),
        "[doors] tls_cert and tls_key go together; give both or neither": (
            (doors.tls_cert is None) != (doors.tls_key is None)
        ),
        "[broker] password_file needs a username": (
            broker.password_file is not None and not broker.username
        ),
        f"[work] preload names {missing}, which capabilities does not list": bool(missing),
    }
    for message, holds in wrong.items():
        if holds:
            raise ConfigError(message)


def _check_listen(config: Config) -> None:
    """Whoever reaches such an address uses or reads it: that others do must have been meant."""
    for section in ("observability", "openai", "wyoming"):
        given = getattr(config, section)
        told = f"[{section}] listen = {given.listen!r}"
        try:
            reached = others_reach(given.listen)
        except ValueError as error:
            raise ConfigError(f"{told}: {error}") from error
        if reached and (why := given.unguarded()):
            raise ConfigError(f"{told}: {why}")
