//! Every way of sending and receiving: what is copied, and where in the stream it is.

use protocols::event::Direction::{Received, Sent};
use protocols::event::{Data, Endpoint, Transport};

use probes::live::{Backend, Capture};

use crate::support::{Events, Workload, capture, options};

/// Bytes and position of each data event in that direction, on the socket on which `begin` passed.
fn stream(events: &Events, direction: protocols::event::Direction, begin: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    let socket = events.one(direction, begin).socket;
    events
        .of(socket, direction)
        .into_iter()
        .map(|data| (data.position, data.original_len, data.bytes.clone()))
        .collect()
}

/// Every event begins where the one before it ended.
#[track_caller]
fn assert_contiguous(data: &[&Data]) {
    for pair in data.windows(2) {
        assert_eq!(pair[0].position + pair[0].original_len, pair[1].position, "{pair:?}");
    }
}

both! {
    fn plain_calls(backend) {
        let events = capture(backend, "c, s = pair()", "
c.send(b'send'); s.recv(100)
os.write(c.fileno(), b'write'); os.read(s.fileno(), 100)
os.writev(c.fileno(), [b'wri', b'', b'tev']); os.readv(s.fileno(), [bytearray(2), bytearray(100)])
c.sendmsg([b'send', b'msg']); s.recvmsg(100)
os.pwritev(c.fileno(), [b'x'], 0) if False else None
");
        events.assert_nothing_lost();
        let expected: [(u64, u64, Vec<u8>); 4] = [
            (0, 4, b"send".to_vec()), (4, 5, b"write".to_vec()), (9, 6, b"writev".to_vec()), (15, 7, b"sendmsg".to_vec()),
        ];
        assert_eq!(stream(&events, Sent, b"writev"), expected);
        assert_eq!(stream(&events, Received, b"writev"), expected);
    }

    fn many_segments(backend) {
        let events = capture(backend, "c, s = pair()", "
os.writev(c.fileno(), [b'%03d' % i for i in range(60)]); time.sleep(.05)
os.readv(s.fileno(), [bytearray(7) for _ in range(40)])
");
        events.assert_nothing_lost();
        let text: Vec<u8> = (0..60).flat_map(|i| format!("{i:03}").into_bytes()).collect();
        assert_eq!(stream(&events, Sent, b"000"), [(0, 180, text.clone())]);
        assert_eq!(stream(&events, Received, b"000"), [(0, 180, text)]);
    }

    fn as_many_segments_as_a_call_can_have(backend) {
        let events = capture(backend, "c, s = pair()", "os.writev(c.fileno(), [b'%04d' % i for i in range(1024)])");
        let text: Vec<u8> = (0..1024).flat_map(|i| format!("{i:04}").into_bytes()).collect();
        events.assert_nothing_lost();
        assert_eq!(stream(&events, Sent, b"0000"), [(0, 4096, text)]);
    }

    fn beginning_and_end_of_a_long_call(backend) {
        let events = capture(backend, "c, s = pair()", "
page = b'POST / HTTP/1.1' + b'.' * 50_000 + b'the end'
os.writev(c.fileno(), [page[i:i + 1000] for i in range(0, len(page), 1000)])
s.recv(len(page), socket.MSG_WAITALL)
");
        events.assert_nothing_lost();
        for direction in [Sent, Received] {
            let (begin, end) = (events.one(direction, b"POST"), events.of(events.one(direction, b"POST").socket, direction)[1]);
            assert_eq!((begin.position, begin.bytes.len()), (0, 12 << 10));
            assert_eq!(begin.original_len + end.original_len, 50_022);
            assert_eq!((end.position, end.bytes.len() as u64), (50_022 - (4 << 10), end.original_len));
            assert!(end.bytes.ends_with(b"...the end"));
        }
    }

    fn http2_calls_are_copied_whole(backend) {
        let events = capture(backend, "c, s = pair()", "
call = b'PRI * HTTP/2.0\\r\\n' + bytes(i % 251 for i in range(200_000))
c.send(b'PRI * HTTP/2.0\\r\\n'); s.recv(100)
os.writev(c.fileno(), [call[i:i + 7_777] for i in range(0, len(call), 7_777)])
s.recv(len(call), socket.MSG_WAITALL)
big = threading.Thread(target=lambda: os.write(c.fileno(), call[:100] * 50_000)); big.start()
assert len(s.recv(5_000_000, socket.MSG_WAITALL)) == 5_000_000; big.join()
");
        events.assert_nothing_lost();
        let text: Vec<u8> = b"PRI * HTTP/2.0\r\n".iter().copied().chain((0..200_000u32).map(|i| (i % 251) as u8)).collect();
        for direction in [Sent, Received] {
            let all = events.of(events.data().next().expect("the preface").socket, Sent);
            let all = if direction == Sent { all } else { events.data().filter(|data| data.direction == Received).collect() };
            assert_contiguous(&all);
            let at = |from: u64, to: u64| -> Vec<u8> {
                all.iter().filter(|data| (from..to).contains(&data.position)).flat_map(|data| data.bytes.clone()).collect()
            };
            assert!(at(16, 200_032) == text, "{direction:?}");
            // Beyond that, beginning and end: 256 times 16 KiB, a quarter of them at the end.
            let last: Vec<_> = all.iter().filter(|data| data.position >= 200_032).collect();
            assert_eq!(last.iter().map(|data| data.bytes.len()).sum::<usize>(), 4 << 20);
            assert_eq!(last.iter().map(|data| data.original_len).sum::<u64>(), 5_000_000);
            let cut: Vec<_> = last.iter().filter(|data| data.bytes.len() as u64 != data.original_len).collect();
            assert_eq!(cut.iter().map(|data| data.position).collect::<Vec<_>>(), [200_032 + (47 << 16)]);
        }
    }

    fn batches_of_messages(backend) {
        let events = capture(backend, "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(u.getsockname())
libc = ctypes.CDLL(None)
class iovec(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]
class msghdr(ctypes.Structure): _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint),
    ('iov', ctypes.POINTER(iovec)), ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p),
    ('controllen', ctypes.c_size_t), ('flags', ctypes.c_int)]
class mmsghdr(ctypes.Structure): _fields_ = [('hdr', msghdr), ('len', ctypes.c_uint)]
def batch(bufs):
    m = (mmsghdr * len(bufs))()
    for i, b in enumerate(bufs):
        m[i].hdr.iov = ctypes.pointer(iovec(ctypes.cast(b, ctypes.c_void_p), len(b.raw))); m[i].hdr.iovlen = 1
    return m
", "
for turn in range(2):
    out = [ctypes.create_string_buffer(b'%d %02d' % (turn, i) + bytes([0, 1] + [0] * 6), 12) for i in range(64)]
    assert libc.sendmmsg(v.fileno(), batch(out), 64, 0) == 64
    room = [ctypes.create_string_buffer(20) for i in range(64)]
    assert libc.recvmmsg(u.fileno(), batch(room), 64, 0x40, None) == 64
");
        events.assert_nothing_lost();
        for direction in [Sent, Received] {
            let found: Vec<_> = events.data().filter(|data| data.direction == direction).collect();
            assert_eq!(found.len(), 128);
            for (number, data) in found.iter().enumerate() {
                // Four characters, then the counts of a DNS header: unknown protocols are given up after a while.
                let text = format!("{} {:02}\0\u{1}\0\0\0\0\0\0", number / 64, number % 64);
                assert_eq!((data.position, data.bytes.as_slice()), (number as u64, text.as_bytes()));
            }
        }
    }

    fn sendfile_and_splice_are_positions(backend) {
        let events = capture(backend, "
c, s = pair(); r, w = os.pipe()
f = os.open('/proc/self/exe', os.O_RDONLY)", "
c.send(b'begin'); s.recv(5)
os.sendfile(c.fileno(), f, 0, 200); s.recv(200, socket.MSG_WAITALL)
os.write(w, b'through splice'); os.splice(r, c.fileno(), 14); s.recv(100)
c.send(b'out of'); os.splice(s.fileno(), w, 100)
c.send(b'end'); s.recv(100)
");
        events.assert_nothing_lost();
        let socket = events.one(Sent, b"begin").socket;
        let sent = events.of(socket, Sent);
        let lengths: Vec<_> = sent.iter().map(|data| (data.original_len, data.bytes.len())).collect();
        assert_eq!(lengths, [(5, 5), (200, 0), (14, 0), (6, 6), (3, 3)]);
        assert_contiguous(&sent);
        // What was spliced out of the socket is an event without bytes, or a jump: never a shift of what follows.
        let end = events.one(Received, b"end");
        assert_eq!((end.position, end.original_len), (5 + 200 + 14 + 6, 3));
        assert_eq!(events.one(Received, b"through splice").position, 205);
    }

    fn peeked_and_thrown_away(backend) {
        let events = capture(backend, "c, s = pair()", "
c.send(b'abcdef'); s.recv(100, socket.MSG_PEEK); s.recv(2, socket.MSG_TRUNC); s.recv(100)
");
        events.assert_nothing_lost();
        let socket = events.one(Received, b"cdef").socket;
        let received: Vec<_> = events.of(socket, Received).iter()
            .map(|data| (data.position, data.original_len, data.bytes.clone())).collect();
        assert_eq!(received, [(0, 2, vec![]), (2, 4, b"cdef".to_vec())]);
    }

    fn datagrams_are_numbered_and_cut_at_the_buffer(backend) {
        let events = capture(backend, "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(u.getsockname())", "
v.send(b'first'); v.send(b'second'); v.send(b'third datagram'); v.send(b'')
u.recvfrom(100); u.recvfrom(3); u.recvfrom(5, socket.MSG_TRUNC); u.recvfrom(5)
");
        events.assert_nothing_lost();
        assert_eq!(events.transport(Transport::Udp).len(), 2);
        assert_eq!(events.one(Sent, b"second").position, 1);
        assert_eq!(stream(&events, Received, b"first"), [
            (0, 5, b"first".to_vec()),
            // Without the flag the kernel tells no more than what fitted.
            (1, 3, b"sec".to_vec()),
            (2, 14, b"third".to_vec()),
            (3, 0, vec![]),
        ]);
    }

    fn the_peer_of_an_unconnected_socket(backend) {
        let events = capture(backend, "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
w = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); w.bind(('::1', 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.bind(('127.0.0.1', 0))
x = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); x.bind(('::1', 0))
o = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); o.bind(('127.0.0.2', 0))
print(v.getsockname()[1], x.getsockname()[1], o.getsockname()[1], u.getsockname()[1], w.getsockname()[1], flush=True)", "
v.sendto(b'to four', u.getsockname()); u.recvfrom(100)
o.sendto(b'from another', u.getsockname()); u.recvmsg(100)
x.sendmsg([b'to six'], [], 0, w.getsockname()[:2]); w.recvfrom(100)
for i in range(25):
    (o if i % 2 else v).sendto(b'turn %02d' % i, u.getsockname())
    (u.recvfrom if i % 3 else u.recvmsg)(100)
v.sendto(b'not asked', u.getsockname()); u.recv(100)
");
        let [v, x, o, u, w]: [u16; 5] = events.ports().try_into().expect("five");
        let end = |address: &str, port| Some(Endpoint::ip(address.parse().expect("an address"), port));
        assert_eq!(events.one(Sent, b"to four").peer, end("127.0.0.1", u));
        assert_eq!(events.one(Received, b"to four").peer, end("127.0.0.1", v));
        assert_eq!(events.one(Received, b"from another").peer, end("127.0.0.2", o));
        assert_eq!(events.one(Sent, b"to six").peer, end("::1", w));
        assert_eq!(events.one(Received, b"to six").peer, end("::1", x));
        // Remains of earlier calls on the stack are not taken for this one's.
        for number in 0..25 {
            let sender = if number % 2 == 0 { end("127.0.0.1", v) } else { end("127.0.0.2", o) };
            assert_eq!(events.one(Received, format!("turn {number:02}").as_bytes()).peer, sender, "{number}");
        }
        // The process did not ask who sent it, and so nobody can tell.
        assert_eq!(events.one(Received, b"not asked").peer, None);
    }

    fn unknown_protocols_are_given_up_but_not_for_ever(backend) {
        let events = capture(backend, "c, s = pair()", "
for i in range(50): c.send(b'\\xff\\xfe something unknown %02d' % i); s.recv(100)
s.send(b'\\xff\\xfe answer'); c.recv(100)
time.sleep(1.1)
c.send(b'GET /found HTTP/1.1\\r\\nX: ' + b'y' * 600 + b'\\r\\n\\r\\n'); s.recv(1000); c.send(b'\\xff\\xfe body'); s.recv(100)
");
        events.assert_nothing_lost();
        let request = events.one(Sent, b"GET /found");
        assert_eq!(request.bytes.len() as u64, request.original_len);
        let sent = events.of(request.socket, Sent);
        assert_contiguous(&sent);
        let kept: Vec<_> = sent.iter().map(|data| !data.bytes.is_empty()).collect();
        assert_eq!(kept[..30], [true; 30]);
        assert_eq!(kept[40..50], [false; 10]);
        assert_eq!(kept[50..], [true, true]);
        assert!(sent[45].original_len > 0);
    }

    fn an_untouched_mapping_is_read_or_counted(backend) {
        let events = capture(backend, "
import mmap, tempfile
c, s = pair(); f = tempfile.TemporaryFile(); f.truncate(1 << 20); m = mmap.mmap(f.fileno(), 1 << 20)", "
c.send(b'before'); s.recv(100)
c.send(memoryview(m)[8192:8192 + 3000]); s.recv(4000, socket.MSG_WAITALL) if False else s.recv(4000)
");
        let socket = events.one(Sent, b"before").socket;
        let sent = events.of(socket, Sent);
        assert_eq!((sent[1].position, sent[1].original_len), (6, 3000));
        // Sending has touched the pages, so that they can be read afterwards.
        assert_eq!(sent[1].bytes, vec![0; 3000]);
    }

    fn a_large_upload_keeps_its_positions(backend) {
        let events = capture(backend, "
c, s = pair()
def drain():
    n = 0
    while n < 50_000_000: n += len(s.recv(1 << 18))
    s.send(b'done')
t = threading.Thread(target=drain)", "
t.start()
c.sendall(b'POST / HTTP/1.1\\r\\nContent-Length: 49999955\\r\\n\\r\\n' + bytes(49_999_955))
c.recv(100); t.join(); c.send(b'GET /after HTTP/1.1\\r\\n\\r\\n')
");
        let first = events.one(Sent, b"POST /");
        let sent = events.of(first.socket, Sent);
        assert_contiguous(&sent);
        let after = events.one(Sent, b"GET /after");
        assert_eq!((after.position, after.bytes.len()), (50_000_000, 23));
        assert!(sent.iter().all(|data| data.bytes.len() <= 16 << 10));
        let done = events.one(Sent, b"done");
        assert_contiguous(&events.of(done.socket, Received));
        let received: u64 = events.of(done.socket, Received).iter().map(|data| data.original_len).sum();
        assert_eq!(received, 50_000_000);
    }
}

/// Kernels before 5.17 follow fewer segments of a call, and say so.
#[test]
#[ignore = "needs root"]
fn segments_without_loops() {
    let events = capture(
        Backend::SyscallInline,
        "c, s = pair()",
        "
c.sendmsg([b'one ', b'two ', b'three']); s.recv(100)
os.writev(c.fileno(), [b'%03d' % i for i in range(6)]); s.recv(100); c.send(b'after'); s.recv(100)
",
    );
    assert_eq!(
        stream(&events, Sent, b"one two three"),
        [(0, 13, b"one two three".to_vec()), (13, 18, b"000001002003".to_vec()), (31, 5, b"after".to_vec())]
    );
    assert_eq!(stream(&events, Received, b"000")[1], (13, 18, b"000001002003004005".to_vec()));
    assert_eq!(events.lost("segments"), 1);
}

/// What does not fit into the ring buffer is counted to the byte, and the connection goes on as if nothing had been.
#[test]
#[ignore = "needs root"]
fn what_is_lost_is_counted() {
    let workload = Workload::start(
        "",
        "
c, s = pair()
page = b'GET /' + bytes(16000)
for i in range(1000):
    c.sendall(page)
    n = 0
    while n < len(page): n += len(s.recv(1 << 16))
",
    );
    let capture = Capture::attach(&options(workload.pid(), Backend::Sock)).expect("root");
    let events = workload.run_unread(capture);
    let (lost, bytes) = events.losses("ring_full");
    assert!(lost > 0);
    let seen: u64 = events.data().map(|data| data.original_len).sum();
    assert_eq!(seen + bytes, 2 * 1000 * 16_005);
    assert!(events.data().all(|data| data.bytes.len() as u64 == data.original_len));
}
