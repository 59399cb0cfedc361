"""Traces by OpenTelemetry: spans in batches to an OTLP endpoint over HTTP. Loaded only where one is set.

A collector that is away costs nobody anything: spans wait in a bounded queue, a thread of its own sends them, and the
newest are dropped when the queue is full. The endpoint, its headers and its time-outs are OpenTelemetry's own
variables (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from celery.exceptions import Ignore
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tasks.errors import Interrupted
from tasks.tracing import TRACEPARENT, Attribute, Attributes, Kind, Tracing, code_of

CLOSE_SECONDS = 1.0
"""What a process may wait at its end for a collector: a worker that is told to stop has 25 s for its work."""

_KINDS = {Kind.INTERNAL: SpanKind.INTERNAL, Kind.CONSUMER: SpanKind.CONSUMER, Kind.PRODUCER: SpanKind.PRODUCER}
_WORDS = TraceContextTextMapPropagator()
_NO_FAILURE = (Ignore, Interrupted)
"""The task puts its work down, as it should."""
_QUERY = "url.query"


class _NoQueries(SpanProcessor):
    """Keeps what follows the ``?`` of an address out of traces: a signed token may stand there."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Overwrite it before anybody reads it."""
        if _QUERY in (span.attributes or {}):
            span.set_attribute(_QUERY, "REDACTED")


class Telemetry(Tracing):
    """Traces of this process, on."""

    is_on = True

    def __init__(self, service: str) -> None:
        """Start to send what is recorded; ``service`` is the pool, or the gateway."""
        # It says once per batch that it failed; each try of each batch besides is too much.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
        self.provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self.provider.add_span_processor(_NoQueries())
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("darkroom", version("darkroom"))

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: str = "",
        attributes: Attributes | None = None,
    ) -> Iterator[None]:
        """See ``Tracing``."""
        with self._tracer.start_as_current_span(
            name,
            context=_context(parent),
            kind=_KINDS[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            try:
                yield
            except BaseException as error:
                if isinstance(error, _NO_FAILURE):
                    self.note(darkroom_put_down=type(error).__name__)
                else:
                    self.fail(code_of(error))
                raise

    def record(self, name: str, since: float, until: float, *, parent: str, attributes: Attributes) -> None:
        """See ``Tracing``."""
        span = self._tracer.start_span(
            name, context=_context(parent), attributes=attributes, start_time=_nanoseconds(min(since, until))
        )
        span.end(_nanoseconds(until))

    def note(self, **attributes: Attribute) -> None:
        """See ``Tracing``."""
        trace.get_current_span().set_attributes(_dotted(attributes))

    def event(self, name: str, **attributes: Attribute) -> None:
        """See ``Tracing``."""
        trace.get_current_span().add_event(name, _dotted(attributes))

    def fail(self, code: str) -> None:
        """See ``Tracing``."""
        span = trace.get_current_span()
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR, code))

    def traceparent(self) -> str:
        """See ``Tracing``."""
        carrier: dict[str, str] = {}
        _WORDS.inject(carrier)
        return carrier.get(TRACEPARENT, "")

    def close(self) -> None:
        """See ``Tracing``."""
        # The library would wait for 30 s.
        closing = threading.Thread(target=self.provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _resource(service: str) -> Resource:
    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or f"darkroom-{service}",
            "service.namespace": "darkroom",
            "service.version": version("darkroom"),
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "darkroom.pool": service,
        }
    )


def _context(parent: str) -> Context | None:
    return _WORDS.extract({TRACEPARENT: parent}, Context()) if parent else None


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)


def _dotted(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name.replace("darkroom_", "darkroom.", 1): value for name, value in attributes.items()}
