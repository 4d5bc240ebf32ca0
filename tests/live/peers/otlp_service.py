"""A service instrumented with the OpenTelemetry SDK (PyPI opentelemetry-sdk), and its client, instrumented too.

    otlp_service.py server FOLDER COLLECTOR     listens, writes FOLDER/service-port
    otlp_service.py client FOLDER COLLECTOR N   waits for FOLDER/go, asks N times
"""
import http.client
import os
import pathlib
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

role, folder, collector = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
provider = TracerProvider(resource=Resource.create({"service.name": f"sdk-{role}"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=collector, insecure=True)))
tracer = trace.get_tracer("test", tracer_provider=provider)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with tracer.start_as_current_span("work", context=extract(self.headers), kind=trace.SpanKind.SERVER):
            failed = self.path.endswith("/5")
            self.send_response(500 if failed else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


if role == "server":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    (folder / "service-port.part").write_text(str(server.server_port))
    os.rename(folder / "service-port.part", folder / "service-port")
    server.serve_forever()
else:
    while not (folder / "go").exists():
        time.sleep(0.01)
    port = int((folder / "service-port").read_text())
    for number in range(int(sys.argv[4])):
        with tracer.start_as_current_span("ask", kind=trace.SpanKind.CLIENT):
            headers = {}
            inject(headers)
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", f"/items/{number}", headers=headers)
            connection.getresponse().read()
            connection.close()
    provider.shutdown()
