"""grpcio calling itself, calls that their client gives up: grpc_given_up.py FOLDER. Writes FOLDER/server.json, the server's
own log: of each call how many messages it took and gave, whether it had a deadline, and whether it was alive to the end."""
import json
import sys
import threading
import time
from concurrent import futures

import grpc

log = []
logged = threading.Condition()


def note(method, context, deadline, taken, given, gone):
    with logged:
        log.append({"method": method, "deadline": deadline, "taken": taken, "given": given, "gone": gone})
        logged.notify_all()


def until_gone(context):
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(60)
    return not context.is_active()


def has_deadline(context):
    # Without one, it is as far away as can be.
    remaining = context.time_remaining()
    return remaining is not None and remaining < 3600


def slow(request, context):
    deadline = has_deadline(context)
    note("Slow", context, deadline, 1, 0, until_gone(context))
    return b"too late"


def fine(request, context):
    note("Fine", context, has_deadline(context), 1, 1, not context.is_active())
    return b"reply"


def stream_out(request, context):
    deadline = has_deadline(context)
    yield b"one"
    yield b"two"
    note("Out", context, deadline, 1, 2, until_gone(context))


def both(requests, context):
    deadline, taken = has_deadline(context), 0
    for request in requests:
        taken += 1
        yield request
        if taken == 2:
            note("Both", context, deadline, 2, 2, until_gone(context))
            return


handlers = {
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "Fine": grpc.unary_unary_rpc_method_handler(fine),
    "Out": grpc.unary_stream_rpc_method_handler(stream_out),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel("127.0.0.1:%d" % port)


def wait_for_log(entries):
    with logged:
        assert logged.wait_for(lambda: len(log) == entries, 60), log


def gave_up(call, code):
    call.cancel()
    assert call.code() == code, call.code()


# Cancelled while the server works on it.
call = channel.unary_unary("/test.Service/Slow").future(b"request")
# The server must have the request first: it answers others on the same connection meanwhile.
channel.unary_unary("/test.Service/Fine")(b"request")
time.sleep(0.5)
gave_up(call, grpc.StatusCode.CANCELLED)
wait_for_log(2)
# Cancelled between messages.
call = channel.unary_stream("/test.Service/Out")(b"request")
assert [next(call), next(call)] == [b"one", b"two"]
gave_up(call, grpc.StatusCode.CANCELLED)
wait_for_log(3)
over = threading.Event()


def requests():
    yield b"one"
    yield b"two"
    over.wait(60)


call = channel.stream_stream("/test.Service/Both")(requests())
assert [next(call), next(call)] == [b"one", b"two"]
gave_up(call, grpc.StatusCode.CANCELLED)
wait_for_log(4)
over.set()
# A deadline that passes; and one that does not.
try:
    channel.unary_unary("/test.Service/Slow")(b"request", timeout=0.5)
    raise AssertionError("it was answered")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
wait_for_log(5)
channel.unary_unary("/test.Service/Fine")(b"request", timeout=600)
wait_for_log(6)
channel.close()
server.stop(1).wait()
with open(sys.argv[1] + "/server.json", "w") as file:
    json.dump(log, file)
