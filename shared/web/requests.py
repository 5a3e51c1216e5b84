"""Bodies of requests: data classes of which a request may have no other field."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

C = TypeVar("C")


class RequestModel(BaseModel):
    """The body of a request. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandModel(RequestModel, Generic[C]):
    """A request body whose fields are those of its command: `class Return(CommandModel[commands.ReturnReferral])`."""

    def command(self) -> C:
        kind: type[C] = next(args[0] for base in type(self).__mro__ if (args := _generic_arguments(base)))
        return kind(**{name: getattr(self, name) for name in type(self).model_fields})


def _generic_arguments(base: type) -> tuple[Any, ...]:
    metadata: dict[str, Any] = getattr(base, "__pydantic_generic_metadata__", {})
    return tuple(metadata.get("args") or ())
