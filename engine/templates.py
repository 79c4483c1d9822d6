"""The form of a request, `Tokenizer.chat`, in the template languages of other programs.

Jinja is read by llama.cpp (inside a GGUF file) and transformers (tokenizer_config.json), Go's
text/template by Ollama (Modelfile: docs/modelfile.md and docs/template.md of ollama/ollama).
They turn `<|end|>` in a user's text into the token; our own tokenizer never does.
"""

from typing import Any

from engine.config import ForgeConfig
from engine.errors import BadConfig
from engine.tokenizer import SPECIAL_TOKENS, TASKS

PLAIN, CHAT = "plain", "chat"
TEMPLATES = (PLAIN, CHAT, *TASKS)
"""plain: the text goes on as it is; chat: user and assistant; a task: the same after its token."""

_TURNS = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_TURNS_IN_GO = (
    "{{ if .System }}<|system|>{{ .System }}{{ end }}{{ range .Messages }}"
    '{{ if eq .Role "user" }}<|user|>{{ .Content }}'
    '{{ else if eq .Role "assistant" }}<|assistant|>{{ .Content }}<|end|>{{ end }}'
    "{{ end }}<|assistant|>"
)


def check_template(template: str) -> None:
    """Raise `BadConfig` where there is no such template."""
    if template not in TEMPLATES:
        raise BadConfig(f"there is no template {template!r}", f"use one of {', '.join(TEMPLATES)}")


def jinja(template: str) -> str:
    """For llama.cpp and transformers; `template` is one of `TEMPLATES`."""
    if template == PLAIN:
        return "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return _task(template) + _TURNS


def modelfile(gguf: str, config: ForgeConfig, template: str) -> str:
    """Ollama's Modelfile beside the file `gguf`; `template` is one of `TEMPLATES`.

    Sampling is that of our handlers: a text is drawn, everything else takes the likeliest token.
    """
    turns = "{{ .Prompt }}" if template == PLAIN else _task(template) + _TURNS_IN_GO
    drawn = template in (PLAIN, "text")
    return (
        f"FROM ./{gguf}\n"
        f'TEMPLATE """{turns}"""\n'
        'PARAMETER stop "<|end|>"\n'
        f"PARAMETER num_ctx {config.context}\n"
        f"PARAMETER num_predict {config.context // 2}\n"
        f"PARAMETER temperature {'0.7' if drawn else '0'}\n"
        f"PARAMETER top_k {50 if drawn else 1}\n"
        f"PARAMETER repeat_penalty {'1.1' if drawn else '1.0'}\n"
    )


def tokenizer_config(config: ForgeConfig, template: str) -> dict[str, Any]:
    """`tokenizer_config.json` for transformers' AutoTokenizer."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "additional_special_tokens": list(SPECIAL_TOKENS[2:]),
        "model_max_length": config.context,
        "clean_up_tokenization_spaces": False,
        "chat_template": jinja(template),
    }


def _task(template: str) -> str:
    return "" if template == CHAT else f"<|{template}|>"
