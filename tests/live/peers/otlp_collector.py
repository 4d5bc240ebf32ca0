"""The protocol's own services in Python (PyPI opentelemetry-proto, grpcio): writes what it is sent, one JSON object a line.

    otlp_collector.py FOLDER [PORT]      writes FOLDER/port, FOLDER/received.jsonl
"""
import json
import os
import pathlib
import sys
from concurrent import futures

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

folder = pathlib.Path(sys.argv[1])
out = open(folder / "received.jsonl", "a", buffering=1)


def plain(attributes):
    def value(any_value):
        kind = any_value.WhichOneof("value")
        if kind == "array_value":
            return [value(item) for item in any_value.array_value.values]
        return getattr(any_value, kind)

    return {attribute.key: value(attribute.value) for attribute in attributes}


def write(row):
    out.write(json.dumps(row) + "\n")


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        for of in request.resource_spans:
            for scope in of.scope_spans:
                for span in scope.spans:
                    write(
                        {
                            "what": "span",
                            "resource": plain(of.resource.attributes),
                            "scope": scope.scope.name,
                            "trace": span.trace_id.hex(),
                            "id": span.span_id.hex(),
                            "parent": span.parent_span_id.hex(),
                            "name": span.name,
                            "kind": span.kind,
                            "start": span.start_time_unix_nano,
                            "end": span.end_time_unix_nano,
                            "status": span.status.code,
                            "attributes": plain(span.attributes),
                        }
                    )
        return trace_service_pb2.ExportTraceServiceResponse()


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        for of in request.resource_metrics:
            for scope in of.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, kind).data_points:
                        row = {
                            "what": "point",
                            "resource": plain(of.resource.attributes),
                            "schema": scope.schema_url,
                            "name": metric.name,
                            "unit": metric.unit,
                            "kind": kind,
                            "attributes": plain(point.attributes),
                        }
                        if kind == "histogram":
                            row.update(
                                count=point.count,
                                sum=point.sum,
                                buckets=list(point.bucket_counts),
                                bounds=list(point.explicit_bounds),
                            )
                        else:
                            row["value"] = getattr(point, point.WhichOneof("value"))
                        write(row)
        write({"what": "metrics"})
        return metrics_service_pb2.ExportMetricsServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
port = server.add_insecure_port(f"127.0.0.1:{sys.argv[2] if len(sys.argv) > 2 else 0}")
server.start()
(folder / "port.part").write_text(str(port))
os.rename(folder / "port.part", folder / "port")
server.wait_for_termination()
