"""A group of settings, and what is said of each one at fault."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ..errors import ConfigError
from .hints import corrections, nearest
from .yaml_text import ROOT_KEY, shown, shown_name, yaml_text

__all__ = ["Fault", "FaultySettings", "Section", "unit_of"]

# where each key is at home; the first entry is the stream's own name of one
_HOMES = {"max_memory_mb": f"{ROOT_KEY}.memory.max_mb"}
_PLAIN_WORDS = {"model_type": "a mapping", "tuple_type": "a list"}


class Fault(NamedTuple):
    """One setting that cannot be taken.

    Attributes
    ----------
    key : str
        Its full name, such as ``"streaming_tda.scales[0]"``.
    what : str
        What is wrong with it.
    """

    key: str
    what: str


class FaultySettings(ConfigError):
    """Settings that cannot be taken, all of them at once.

    Parameters
    ----------
    faults : iterable of Fault
        In the order of the settings.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{key}: {what}" for key, what in self.faults))

    def __reduce__(self) -> tuple[type[FaultySettings], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


class Section(BaseModel):
    """A group of settings: fixed names, fixed types, immutable.

    Raises
    ------
    FaultySettings
        If a name is unknown or a value has the wrong type or range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    path: ClassVar[str]

    def __init__(self, /, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            details = error.errors(include_url=False)
            faults = [fault for detail in details for fault in self._faults(detail)]
            raise FaultySettings(faults) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Note where the keys of a new section are at home."""
        _HOMES.update({name: f"{cls.path}.{name}" for name in cls.model_fields})

    @classmethod
    def _faults(cls, detail: ErrorDetails) -> tuple[Fault, ...]:
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, FaultySettings):
            return cause.faults
        key = cls.path + "".join(map(_step, detail["loc"]))
        return (Fault(key, cls._what(detail, cause)),)

    @classmethod
    def _what(cls, detail: ErrorDetails, cause: object) -> str:
        if detail["type"] == "extra_forbidden":
            return f"unknown key{cls._suggestion(str(detail['loc'][-1]))}"
        tail = f"got {shown(detail['input'])}{cls._hint(detail)}"
        if detail["type"] == "value_error":
            return f"{cause}, {tail}"
        wanted = _PLAIN_WORDS.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
        return f"must be {wanted}, {tail}"

    @classmethod
    def _suggestion(cls, name: str) -> str:
        own = {name: name for name in cls.model_fields}
        close = nearest(name, {**_HOMES, **own})
        return f"; did you mean {close}?" if close else f"; known here: {', '.join(own)}"

    @classmethod
    def _hint(cls, detail: ErrorDetails) -> str:
        """Return the unit of a setting, and what to write in its place if that is clear."""
        name, *inner = detail["loc"]
        field = cls.model_fields[str(name)]
        unit = unit_of(field)
        parts = [f"unit: {unit}"] if unit else []
        for value in corrections(detail["input"], field, item=bool(inner)):
            if cls._takes(str(name), [value] if inner else value):
                parts.append(f"write {yaml_text(value)}")
                break
        return f" ({', '.join(parts)})" if parts else ""

    @classmethod
    def _takes(cls, name: str, value: Any) -> bool:
        try:
            cls(**{name: value})
        except ConfigError:
            return False
        return True


def _step(part: int | str) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{shown_name(part)}"


def unit_of(field: FieldInfo) -> str | None:
    """Return the unit of a setting, None if it has none."""
    extra = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return unit if isinstance(unit, str) else None
