"""grpcio calling itself, every kind of call: grpc_peer.py FOLDER. Writes FOLDER/truth.json, what the client library said."""
import json
import sys
import time
from concurrent import futures

import grpc

truth = []


def unary(request, context):
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: caf\u00e9")
    if request == b"broken":
        raise ValueError("a bug")
    if request == b"slow":
        time.sleep(1)
    return b"reply " + request


def stream_out(request, context):
    for n in range(3):
        yield b"%d" % n
    if request == b"fail":
        context.abort(grpc.StatusCode.DATA_LOSS, "half way")


def stream_in(requests, context):
    return b"%d" % sum(1 for _ in requests)


def both(requests, context):
    for request in requests:
        yield request


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Out": grpc.unary_stream_rpc_method_handler(stream_out),
    "In": grpc.stream_unary_rpc_method_handler(stream_in),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel("127.0.0.1:%d" % port)


def call(kind, method, send, sent, expect_received, **options):
    """Makes one call; what the library reports is the truth."""
    make = {"unary": channel.unary_unary, "server_streaming": channel.unary_stream,
            "client_streaming": channel.stream_unary, "bidi": channel.stream_stream}[kind]
    status, message = grpc.StatusCode.OK, ""
    try:
        result = make("/test.Service/" + method)(send, **options)
        if kind in ("server_streaming", "bidi"):
            list(result)
    except grpc.RpcError as error:
        status, message = error.code(), error.details()
    truth.append({
        "kind": kind, "rpc_service": "test.Service", "method": method, "status_name": status.name,
        "status": status.value[0], "message": message, "req_messages": sent, "resp_messages": expect_received,
    })


call("unary", "Unary", b"hello", 1, 1)
call("unary", "Unary", b"missing", 1, 0)
call("unary", "Unary", b"broken", 1, 0)
# Far longer than --capture: framing, trailers and header compression go on behind it.
call("unary", "Unary", b"x" * 100_000, 1, 1)
call("unary", "Unary", b"x" * 3_000_000, 1, 1)
call("unary", "Unary", b"after", 1, 1)
call("unary", "Unary", b"zip" * 1000, 1, 1, compression=grpc.Compression.Gzip)
call("unary", "Unknown", b"", 1, 0)
call("server_streaming", "Out", b"fine", 1, 3)
call("server_streaming", "Out", b"fail", 1, 3)
call("client_streaming", "In", iter([b"a", b"b", b"c", b"d"]), 4, 1)
call("bidi", "Both", iter([b"1", b"2"]), 2, 2)
with futures.ThreadPoolExecutor(10) as pool:
    list(pool.map(lambda n: call("unary", "Unary", b"many %d" % n, 1, 1), range(200)))
# A deadline ends on the client: the wire has grpc-timeout and a reset, no status.
try:
    channel.unary_unary("/test.Service/Unary")(b"slow", timeout=0.2)
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
time.sleep(1.2)
channel.close()
server.stop(1).wait()
with open(sys.argv[1] + "/truth.json", "w") as file:
    json.dump(truth, file)
