"""The form of a request, `Tokenizer.chat`, in the template languages of other programs.

Jinja is read by llama.cpp (inside a GGUF file) and transformers (tokenizer_config.json), Go's
text/template by Ollama (Modelfile: docs/modelfile.md and docs/template.md of ollama/ollama).
They turn `<|end|>` in a user's text into the token; our own tokenizer never does.
"""

from typing import Any

from engine.config import ForgeConfig
from engine.errors import BadConfig
from engine.model_use import ModelUse
from engine.tokenizer import SPECIAL_TOKENS

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


def jinja(use: ModelUse) -> str:
    """For llama.cpp and transformers."""
    if use.form == "text":
        return "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return _task(use) + _TURNS


def modelfile(gguf: str, config: ForgeConfig, use: ModelUse) -> str:
    """Ollama's Modelfile beside the file `gguf`.

    Sampling is that of our handlers: a text is drawn, everything else takes the likeliest token.

    Raises:
        BadConfig: a classifier, whose answer is a label token, which Ollama does not print.
    """
    if use.labels:
        raise BadConfig(
            "the model answers with a label token, which Ollama does not print",
            "export it as gguf and read the token's id from llama.cpp",
        )
    drawn = use.form == "text"
    turns = "{{ .Prompt }}" if use.form == "text" else _task(use) + _TURNS_IN_GO
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


def tokenizer_config(config: ForgeConfig, use: ModelUse) -> dict[str, Any]:
    """`tokenizer_config.json` for transformers' AutoTokenizer."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "additional_special_tokens": list(SPECIAL_TOKENS[2:]),
        "model_max_length": config.context,
        "clean_up_tokenization_spaces": False,
        "chat_template": jinja(use),
    }


def _task(use: ModelUse) -> str:
    return f"<|{use.task}|>" if use.task else ""
