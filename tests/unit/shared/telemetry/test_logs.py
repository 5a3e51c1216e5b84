"""No log line contains a name, an NHS number or free text of a person."""

import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from uvicorn.config import LOGGING_CONFIG

from shared.telemetry.logs import REDACTED, StdlibLogHandler, configure, frames, redact

SECRET = "Mr Dale fell in his kitchen"
Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """The lines logged since the last call, as JSON."""
    before = structlog.get_config()
    configure()
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    structlog.configure(**before)


def fail() -> None:
    raise ValueError(SECRET)


def cleaned(**event: object) -> dict[str, object]:
    return dict(redact(None, "info", event))


@pytest.mark.parametrize(
    "key", ["given_name", "family_name", "narrative", "story", "nhs_number", "address", "telephone", "born_on", "authorization", "password"]
)
def test_value_of_sensitive_key_is_hidden(key: str) -> None:
    assert cleaned(**{key: SECRET}) == {key: REDACTED}


@pytest.mark.parametrize(
    "written", ["9990548609", "999 054 8609", "999-054-8609", "999.054.8609", "999_054_8609", "999/054/8609", "999  054  8609"]
)
def test_nhs_number_is_hidden_anywhere_in_text(written: str) -> None:
    found = cleaned(event=f"seen {written}.", at=[written], inner={"a": (written, {"b": written})})

    assert written not in json.dumps(found)
    assert found["event"] == f"seen {REDACTED}."


@pytest.mark.parametrize(
    "value",
    [
        9990548609,
        -9990548609,
        b"9990548609",
        "nhs9990548609",
        "9990548609x",
        "id_9990548609_",
        {"9990548609": 1},
        {9990548609: 1},
        {9990548609},
    ],
)
def test_nhs_number_is_hidden_in_any_container(value: object) -> None:
    assert "9990548609" not in json.dumps(cleaned(note=value))


def test_exception_is_logged_as_its_type() -> None:
    assert cleaned(note=ValueError(SECRET), more=[KeyError("9990548609")]) == {"note": "ValueError", "more": ["KeyError"]}


@dataclass
class Note:
    number: str = "9990548609"


def test_value_without_json_form_is_redacted() -> None:
    assert cleaned(note=Note()) == {"note": f"Note(number='{REDACTED}')"}


@given(st.uuids(), st.from_regex(r"\A00-[0-9a-f]{32}-[0-9a-f]{16}-01\Z"), st.from_regex(r"\A[0-9a-f]{32}\Z"))
def test_ids_and_traces_are_not_redacted(identity: UUID, traceparent: str, trace: str) -> None:
    event = {"subject": str(identity), "traceparent": traceparent, "trace_id": trace, "offset": 123456, "is_late": True, "ratio": 0.5}

    assert cleaned(**event, event=f"{identity} in {trace}") == {**event, "event": f"{identity} in {trace}"}


def test_sensitive_key_is_found_at_any_depth() -> None:
    assert cleaned(answer={"person": [{"given_name": "Colin"}]}) == {"answer": {"person": [{"given_name": REDACTED}]}}


def test_operational_values_are_not_redacted() -> None:
    event = {"event": "worker.stopped", "context_name": "mdt", "status": 503, "route": "/mdt/cases/{case_id}", "milliseconds": 1.5}

    assert cleaned(**event) == event


@given(st.from_regex(r"\A[0-9]{3} ?[0-9]{3} ?[0-9]{4}\Z"))
def test_ten_digits_are_never_logged(digits: str) -> None:
    assert digits not in str(cleaned(event=f"x {digits} y"))


def test_logged_frames_contain_no_values() -> None:
    try:
        fail()
    except ValueError as problem:
        found = frames(problem)

    assert "test_logs.py" in found[-1]
    assert SECRET not in str(found)


def test_line_is_one_json_object(lines: Lines) -> None:
    structlog.get_logger().info("referral.routed", referral_id="1", note="two\nlines")

    (line,) = lines()
    assert (line["event"], line["referral_id"], line["level"]) == ("referral.routed", "1", "info")


def test_library_exception_is_logged_without_its_text(lines: Lines) -> None:
    library = logging.getLogger("a.library")
    library.propagate = False
    library.addHandler(StdlibLogHandler())
    try:
        fail()
    except ValueError as problem:
        library.exception("Crashed reason=%r after %d", problem, 3)

    (line,) = lines()
    assert (line["event"], line["logger_name"], line["problem"]) == ("library.log", "a.library", "ValueError")
    assert line["sentence"] == "Crashed reason='ValueError' after 3"
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize(
    "message",
    [
        f"Task exception was never retrieved\nfuture: <Task finished exception=ValueError('{SECRET}')>",
        f"Exception in callback note('{SECRET}')",
        f"Task was destroyed but it is pending!\ntask: <Task note={SECRET}>",
    ],
)
def test_asyncio_message_is_logged_without_values(lines: Lines, message: str) -> None:
    StdlibLogHandler().emit(logging.LogRecord("asyncio", logging.ERROR, __file__, 1, message, None, None))

    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert str(line["sentence"]).startswith(("Task", "Exception in callback"))


def test_uvicorn_logs_only_structured_lines(lines: Lines) -> None:
    logging.config.dictConfig(LOGGING_CONFIG)
    configure()

    assert [each.handlers for each in map(logging.getLogger, LOGGING_CONFIG["loggers"])] == [[], [], []]
    assert [each.propagate for each in map(logging.getLogger, LOGGING_CONFIG["loggers"])] == [True, True, True]
    assert lines() == []


@pytest.mark.usefixtures("lines")
def test_captured_logs_include_a_logger_that_was_used_before() -> None:
    """A second application in the process configures the logs again; a logger keeps its first list of processors."""
    log = structlog.get_logger()
    log.info("before")
    configure()

    with capture_logs() as captured:
        log.info("after")

    assert [each["event"] for each in captured] == ["after"]


def test_repeated_library_message_is_rate_limited(lines: Lines) -> None:
    patient, impatient = StdlibLogHandler(every=60), StdlibLogHandler(every=0)
    for handler in (patient, impatient):
        for node in range(5):
            handler.emit(logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, "Unable to connect to %s", (node,), None))

    assert [line["sentence"] for line in lines()] == ["Unable to connect to 0", *(f"Unable to connect to {node}" for node in range(5))]


@pytest.mark.parametrize(("message", "args"), [("100 % sure", ()), (ValueError(SECRET), ()), ("%(a)s", ({"a": 1},))])
def test_any_library_message_is_a_line(lines: Lines, message: object, args: tuple[object, ...]) -> None:
    StdlibLogHandler().emit(logging.LogRecord("x", logging.ERROR, __file__, 1, message, args, None))

    (line,) = lines()
    assert SECRET not in json.dumps(line)
