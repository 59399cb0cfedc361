"""Traces while they are off, and what is told apart before OpenTelemetry is loaded."""

import re

import pytest

from tasks import tracing
from tasks.tracing import OFF

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_an_endpoint_turns_traces_on(
    environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traces are on where one of the standard variables names an endpoint, and none of them turns them off."""
    for name in (*tracing.ENDPOINTS, "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tracing.is_wanted() is wanted
    if not wanted:
        assert tracing.start("test") is OFF


def test_a_job_without_a_trace_gets_one_of_its_own() -> None:
    """It follows from the job's id, is well-formed, and another job has another one."""
    assert tracing.derived("7f3c") == tracing.derived("7f3c") != tracing.derived("7f3d")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", tracing.derived("any. id"))


@pytest.mark.parametrize("text", ["", "00-abc", "00-" + "g" * 32 + "-" + "0" * 16 + "-01", "a prompt"])
def test_a_log_line_shows_no_trace_that_is_none(text: str) -> None:
    """What a stranger wrote in the place of a traceparent is not logged."""
    assert tracing.log_fields(text) == {}
    assert tracing.log_fields(tracing.derived("7f3c"))["trace_id"] in tracing.derived("7f3c")
