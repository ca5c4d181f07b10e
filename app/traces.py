"""A request's way through the service as a trace, sent to a collector (docs/monitoring.md).

Off unless the environment names a collector, in OpenTelemetry's own variables. Off means that
nothing is made, looked up or sent.

A span says which operation or stage it is and how long it took. Addresses, texts of errors and
whatever a caller has sent stay here: they name users.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    SpanKind,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as SentSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.observability import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"
_FIRST_FAILURE = 500
_log = logging.getLogger(__name__)


class Traces:
    """The traces of one application; from any thread. None are made before it is opened."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None

    def open(self) -> Callable[[], None]:
        """Begins to trace, if the environment says where to.

        Returns:
            Sends what is left, and ends; it takes long where the collector hangs.
        """
        if not _is_wanted():
            return _do_nothing
        # Telemetry is no reason not to serve, and the variables may be meant for others.
        if _protocol() != _HTTP:
            _log.warning("no traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL is not http/protobuf")
            return _do_nothing
        try:
            provider = _provider()
        except ImportError:
            _log.warning("no traces are sent: it takes pip install 'farsight[otel]'")
            return _do_nothing
        except ValueError as error:
            _log.warning("no traces are sent: a variable of OpenTelemetry's is wrong: %s", error)
            return _do_nothing
        self._tracer = provider.get_tracer("farsight", version("farsight"))
        return provider.shutdown

    def begin(self, headers: Mapping[str, str]) -> "RequestSpan | None":
        """A request begins, as a part of its caller's trace if they have one.

        Args:
            headers: `traceparent` and `tracestate` are read.

        Returns:
            Its span; None where nothing is traced.
        """
        if self._tracer is None:
            return None
        theirs = TraceContextTextMapPropagator().extract(headers, Context())
        span = self._tracer.start_span("request", context=theirs, kind=SpanKind.SERVER)
        return RequestSpan(self._tracer, span, span)


class _Part(Span):
    """A span that is sent when it has ended.

    It has no parts after the end of its request: whatever that has started and left behind, such as
    a job, is not of its trace.
    """

    def __init__(self, tracer: Tracer, span: SentSpan, request: SentSpan) -> None:
        self._tracer = tracer
        self._span = span
        self._request = request
        self._within = set_span_in_context(span, Context())

    def begin(self, name: str) -> Span:
        span: SentSpan = INVALID_SPAN
        if self._request.is_recording():
            span = self._tracer.start_span(name, context=self._within)
        return _Part(self._tracer, span, self._request)

    def end(self, error: BaseException | None = None) -> None:
        if error is not None:
            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def add(self, name: str, spent_s: float, facts: Mapping[str, str | int]) -> None:
        if not self._request.is_recording():
            return
        ended_ns = time.time_ns()
        began_ns = ended_ns - int(spent_s * 1e9)
        self._tracer.start_span(
            name, context=self._within, attributes=facts, start_time=began_ns
        ).end(ended_ns)


class RequestSpan(_Part):
    """The span of a whole request."""

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return format_trace_id(self._span.get_span_context().trace_id)

    def answered(self, operation: str, status: int) -> None:
        """It ends.

        Args:
            operation: Its method and route's pattern, `none` where there is no such route.
            status: Of the answer; 0 if there was none.
        """
        method, _, route = operation.partition(" ")
        self._span.update_name(operation)
        if route:
            self._span.set_attribute("http.request.method", method)
            self._span.set_attribute("http.route", route)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not status or status >= _FIRST_FAILURE:
            self._span.set_status(StatusCode.ERROR)
        self.end()


def _is_wanted() -> bool:
    return (
        any(os.environ.get(name) for name in _ENDPOINTS)
        and os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() != "none"
    )


def _protocol() -> str:
    return next((given for name in _PROTOCOLS if (given := os.environ.get(name))), _HTTP).strip()


def _provider() -> "TracerProvider":
    """Makes spans and sends them from a thread of its own.

    Raises:
        ImportError: The extra is not installed.
        ValueError: A variable of OpenTelemetry's cannot be followed.
    """
    # Of the extra; and a service that sends nothing need not load them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({SERVICE_VERSION: version("farsight")})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "farsight"}))
    # The process ends without asking: Traces.open says how.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _do_nothing() -> None:
    pass
