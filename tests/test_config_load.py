"""Every way in which a configuration is put together, and every way in which it is refused."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_topics.messages import NODE_PATTERN, NodeId, Preference
from daemon import config
from daemon.config import AuctionConfig, BrokerConfig, Config, ConfigError, NodeConfig, WorkConfig


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "Living_Room.local")


def _file(text: str) -> Path:
    path = Path("some.toml").absolute()
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(_file(text))
    return str(caught.value)


def test_defaults_need_no_file() -> None:
    got = config.load(env={"HOME": "/home/ada"})
    state = Path("/home/ada/.local/state/forgebus/living-room-local")
    assert got == Config(node=NodeConfig(id="living-room-local", state_dir=state))
    assert (got.broker, got.auction) == (BrokerConfig(), AuctionConfig())
    assert got.work == WorkConfig()


def test_it_is_frozen() -> None:
    got = config.load()
    with pytest.raises(AttributeError):
        got.broker.port = 1  # type: ignore[misc]


def test_later_sources_win() -> None:
    path = _file("[broker]\nport = 1001\nhost = 'a'\nkeepalive_s = 10\n")
    env = {"FORGEBUS_BROKER__PORT": "1002", "FORGEBUS_BROKER__KEEPALIVE_S": "20"}
    got = config.load(path, env, {"broker.port": 1003}).broker
    assert (got.host, got.keepalive_s, got.port) == ("a", 20, 1003)


def test_a_profile_lies_below_all_that_is_said() -> None:
    path = _file("[node]\nprofile = 'pi_zero'\n[work]\nmax_queue = 9\n")
    got = config.load(path, {"FORGEBUS_WORK__MEMORY_LIMIT_MB": "200"})
    assert (got.work.max_queue, got.work.memory_limit_mb, got.node.hub) == (9, 200, False)
    assert got.work.capabilities == ("intent_classification",)
    last = config.load(path, {"FORGEBUS_NODE__PROFILE": "desktop"}, {"node.profile": "pi_5"})
    assert (last.node.profile, last.node.hub, last.work.max_queue) == ("pi_5", True, 9)
    assert config.load(path, {}, {"node.profile": "custom"}).work.memory_limit_mb == 512


def test_whoever_chooses_the_capabilities_chooses_what_is_preloaded() -> None:
    path = _file("[node]\nprofile = 'pi_5'\n[work]\ncapabilities = ['math']\n")
    assert config.load(path).work.preload == ()
    assert config.load(path, {"FORGEBUS_WORK__PRELOAD": "math"}).work.preload == ("math",)


def test_each_kind_of_value_from_the_environment() -> None:
    env = {
        "FORGEBUS_NODE__HUB": "false",
        "FORGEBUS_NODE__OPERATORS": "cli, ada",
        "FORGEBUS_BROKER__TLS_CA": "~/ca.pem",
        "FORGEBUS_WORK__ACCEPT_FROM": "",
        "FORGEBUS_WORK__COST_PER_S": "0.5",
        "FORGEBUS_AUCTION__PREFERENCE": "fastest",
        "FORGEBUS_AUCTION__PRIVATE_NODES": "pi, desk",
        "FORGEBUS_CONFIG": "",
        "FORGEBUS": "1",
        "UNRELATED__KEY": "x",
    }
    got = config.load(env=env)
    assert got.node.hub is False
    assert got.node.operators == ("cli", "ada")
    assert got.broker.tls_ca == Path.home() / "ca.pem"
    assert got.work.accept_from == ()
    assert got.work.cost_per_s == 0.5
    assert got.auction.preference is Preference.FASTEST
    assert got.auction.private_nodes == ("pi", "desk")


def test_the_first_file_found_is_read() -> None:
    Path("forgebus.toml").write_text("[broker]\nport = 1001\n", encoding="utf-8")
    other = _file("[broker]\nport = 1002\n")
    assert config.load().broker.port == 1001
    assert config.load(env={"FORGEBUS_CONFIG": str(other)}).broker.port == 1002
    named = Path("named.toml")
    named.write_text("[broker]\nport = 1003\n", encoding="utf-8")
    assert config.load(named, {"FORGEBUS_CONFIG": str(other)}).broker.port == 1003


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/forgebus:/var/lib/more"}, "/var/lib/forgebus"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/forgebus/n1"),
        ({"HOME": "/h"}, "/h/.local/state/forgebus/n1"),
    ],
)
def test_state_dir(env: dict[str, str], folder: str) -> None:
    assert config.load(env=env, overrides={"node.id": "n1"}).node.state_dir == Path(folder)


@given(st.text(max_size=80))
def test_any_host_name_gives_a_legal_id(host: str) -> None:
    msgspec.convert(config._node_id(host), NodeId)


def test_the_host_name_rule_is_the_one_on_the_wire() -> None:
    assert NODE_PATTERN.startswith("^[a-z0-9][a-z0-9-]{0,30}$")
    assert config._node_id("A" * 40) == "a" * 31
    assert config._node_id("---") == "node"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broker]\nprot = 1", ["some.toml", "'prot'", "[broker]", "did you mean 'port'"]),
        ("[brokr]\nport = 1", ["some.toml", "[brokr]", "did you mean 'broker'"]),
        ("[broker]\nzzzz = 1", ["'zzzz'", "there are host, port"]),
        ("[broker]\nwindow_ms = 1", ["'window_ms'", "[auction]"]),
        ("port = 1", ["port", "outside a section", "[broker]"]),
        ("broker = 1", ["broker must be a table"]),
        ("[broker", ["some.toml", "is not TOML"]),
        ("[broker]\nport = 'x'", ["[broker] port = 'x'", "Expected `int`, got `str`"]),
        ("[broker]\nport = 0", ["Expected `int` >= 1"]),
        ("[broker]\nport = 65536", ["Expected `int` <= 65535"]),
        ("[work]\nthreads = true", ["Expected `int`, got `bool`"]),
        ("[broker]\nhost = ''", ["length >= 1"]),
        ("[broker]\nbase = 'a/'", ["forgebus/v1"]),
        ("[broker]\ntls_ca = 3", ["Expected a path"]),
        ("[node]\nid = 'A b'", ["[node] id", "matching regex"]),
        ("[node]\nprofile = 'pi9'", ["custom, pi_zero, pi_4, pi_5, desktop"]),
        ("[auction]\npreference = 'x'", ["local_first, fastest, quality_first, distributed"]),
        ("[work]\nquiet_hours = '25:00-07:00'", ["22:00-07:00"]),
        ("[work]\naccept_from = 'x'", ["Expected `array`"]),
        ("[work]\npreload = ['x']", ["preload", "'x'", "capabilities"]),
        ("[auction]\nlease_s = 9", ["lease_s", "twice beat_s"]),
        ("[auction]\nmax_window_ms = 9", ["max_window_ms", "window_ms"]),
        ("[broker]\ntls_key = 'k'", ["tls_cert and tls_key"]),
        ("[broker]\npassword_file = 'p'", ["username"]),
    ],
)
def test_a_mistake_is_named(text: str, words: list[str]) -> None:
    message = _refusal(text)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_number_of_any_section_may_be_unbounded(value: str) -> None:
    floats = [
        (section, key)
        for section, fields in config._FIELDS.items()
        for key, kind in fields.items()
        if getattr(kind, "__origin__", None) is float
    ]
    assert ("auction", "lease_s") in floats
    for section, key in floats:
        assert key in _refusal(f"[{section}]\n{key} = {value}")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"FORGEBUS_BROKER__PRT": "1"}, ["FORGEBUS_BROKER__PRT", "did you mean 'port'"]),
        ({"FORGEBUS_BRKER__PORT": "1"}, ["FORGEBUS_BRKER__PORT", "did you mean 'broker'"]),
        ({"FORGEBUS_BROKER__PORT": "x"}, ["FORGEBUS_BROKER__PORT", "Expected `int`"]),
        ({"FORGEBUS_CONFIG": "/nowhere.toml"}, ["/nowhere.toml", "cannot be read"]),
    ],
)
def test_a_mistake_in_the_environment_is_named(env: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(env=env)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_mistake_on_the_command_line_is_named() -> None:
    with pytest.raises(ConfigError, match=r"command line: no key 'prot'.*'port'"):
        config.load(overrides={"broker.prot": 1})


@given(st.text())
def test_any_text_is_a_configuration_or_a_named_error(text: str) -> None:
    path = Path("some.toml")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    outcome = ""
    try:
        config.load(path)
    except ConfigError as error:
        outcome = str(error)
    assert not outcome or "some.toml" in outcome


def test_a_file_that_is_no_text_is_named() -> None:
    path = _file("")
    path.write_bytes(b"[broker]\nhost = '\xff'")
    with pytest.raises(ConfigError, match=r"some\.toml: is not TOML"):
        config.load(path)
