"""YAML documents, with the mistakes of a file told by its line."""

from pathlib import Path
from typing import Any

from engine.errors import BadData, MissingDependency


def read_yaml(file: Path) -> Any:
    """The one document of a file. Nothing in it can run.

    Raises:
        BadData: no UTF-8, or no YAML; names file and line.
        MissingDependency: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as fault:
        raise MissingDependency(
            "homes in YAML need PyYAML", "run `pip install forgebus[train]`"
        ) from fault
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(file.read_text("utf-8-sig"), Loader=loader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as fault:
        raise BadData(f"{file} is no UTF-8 text", "convert it to UTF-8") from fault
    except (yaml.YAMLError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        why = getattr(fault, "problem", None) or "it cannot be read"
        raise BadData(f"{place} is no YAML ({why})", "copy the file again") from fault
