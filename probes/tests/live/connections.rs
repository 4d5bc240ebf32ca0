//! How connections begin, end, and what is known of their ends.

use protocols::event::Direction::{Received, Sent};
use protocols::event::{Address, Side, SocketEvent, StateChange, Transport};

use crate::support::capture;

both! {
    fn from_beginning_to_end(backend) {
        let events = capture(backend, "",
            "c, s = pair(); c.send(b'1 request'); s.recv(100); s.send(b'2 response'); c.recv(100); c.close(); s.close()");
        events.assert_nothing_lost();
        let sent = events.one(Sent, b"1 request");
        let received = events.one(Received, b"1 request");
        let client = events.open(sent.socket);
        let server = events.open(received.socket);
        assert_ne!(client.socket, server.socket);
        assert_eq!((client.transport, server.transport), (Transport::Tcp, Transport::Tcp));
        assert_eq!((client.initiator, server.initiator), (Some(Side::Local), Some(Side::Remote)));
        assert!(!client.midstream && !server.midstream);
        assert_eq!(client.remote, server.local);
        assert_eq!((sent.position, received.position), (0, 0));
        let established = &events.states(client.socket)[1];
        assert_eq!(**established, StateChange::Established { local: server.remote.clone(), remote: server.local.clone() });
        for (socket, direction, position) in
            [(client.socket, Sent, 9), (client.socket, Received, 10), (server.socket, Sent, 10), (server.socket, Received, 9)]
        {
            let ended = StateChange::Ended { direction, position: Some(position) };
            assert_eq!(events.states(socket).iter().filter(|state| ***state == ended).count(), 1, "{socket:?} {ended:?}");
            assert!(!events.states(socket).contains(&&StateChange::Reset));
        }
        let closed = events.0.iter().filter(|event| matches!(event, SocketEvent::Close { .. })).count();
        assert_eq!(closed, 2);
    }

    fn opened_before_the_capture(backend) {
        let events = capture(backend, "
c, s = pair(); c.send(b'unseen'); s.recv(100); s.send(b'too'); c.recv(100)
d, t = pair()
", "c.send(b'joined'); s.recv(100); s.send(b'answer'); c.recv(100); d.send(b'fresh'); t.recv(100)");
        events.assert_nothing_lost();
        let client = events.open(events.one(Sent, b"joined").socket);
        let server = events.open(events.one(Received, b"joined").socket);
        assert!(client.midstream && server.midstream);
        assert_eq!(client.remote, server.local);
        assert_eq!(client.local, server.remote);
        assert!(client.local.port.is_some() && client.local.address.is_some());
        assert_eq!(events.one(Sent, b"joined").position, 6);
        assert_eq!(events.one(Received, b"answer").position, 3);
        // Nothing had passed on the other one.
        let fresh = events.one(Sent, b"fresh");
        assert!(!events.open(fresh.socket).midstream);
        assert_eq!(fresh.position, 0);
    }

    fn read_after_half_close(backend) {
        let events = capture(backend, "c, s = pair()", "
c.send(b'request'); s.recv(100); c.shutdown(socket.SHUT_WR); assert s.recv(100) == b''
s.send(b'response after half-close'); s.close(); time.sleep(.1)
assert c.recv(100) == b'response after half-close'; assert c.recv(100) == b''; c.close()
");
        events.assert_nothing_lost();
        let response = events.one(Received, b"response after");
        assert_eq!(response.position, 0);
        assert_eq!(events.one(Sent, b"request").socket, response.socket);
        let states = events.states(response.socket);
        assert!(states.contains(&&StateChange::Ended { direction: Sent, position: Some(7) }), "{states:?}");
        assert!(states.contains(&&StateChange::Ended { direction: Received, position: Some(25) }), "{states:?}");
        assert!(!states.contains(&&StateChange::Reset), "{states:?}");
    }

    fn data_and_fin_in_one_segment(backend) {
        let events = capture(backend, "c, s = pair(); s.setsockopt(socket.IPPROTO_TCP, 3, 1)",
            // TCP_CORK holds the bytes back until the socket is closed: they travel with the FIN.
            "s.send(b'one'); s.send(b'two'); s.close(); time.sleep(.1); c.recv(4); c.recv(100); c.recv(100)");
        events.assert_nothing_lost();
        let socket = events.one(Received, b"onet").socket;
        let received: Vec<_> = events.of(socket, Received).iter().map(|data| (data.position, data.bytes.clone())).collect();
        assert_eq!(received, [(0, b"onet".to_vec()), (4, b"wo".to_vec())]);
        let ended = StateChange::Ended { direction: Received, position: Some(6) };
        assert_eq!(events.states(socket).iter().filter(|state| ***state == ended).count(), 1);
    }

    fn reset_by_the_peer(backend) {
        let events = capture(backend, "", "
c, s = pair(); s.send(b'data before reset'); time.sleep(.05)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close(); time.sleep(.05)
assert c.recv(100) == b'data before reset'
try: c.recv(100); raise SystemExit('no reset')
except ConnectionResetError: pass
");
        // Read after the reset had arrived.
        let client = events.one(Received, b"data before reset");
        assert_eq!(client.position, 0);
        assert!(events.states(client.socket).contains(&&StateChange::Reset));
        let server = events.one(Sent, b"data before reset");
        assert!(events.states(server.socket).contains(&&StateChange::Reset));
    }

    fn refused(backend) {
        let events = capture(backend, "l = socket.socket(); l.bind(('127.0.0.1', 0)); a = l.getsockname(); l.close()", "
try: socket.create_connection(a); raise SystemExit('not refused')
except ConnectionRefusedError: pass
");
        let open = events.opens()[0];
        assert_eq!(open.initiator, Some(Side::Local));
        let failed = StateChange::Failed { errno: "ECONNREFUSED".into() };
        assert_eq!(events.states(open.socket), [&StateChange::Connecting, &failed]);
    }

    fn ipv6_and_mapped_addresses(backend) {
        let events = capture(backend, "
l = socket.socket(socket.AF_INET6); l.bind(('::', 0)); l.listen(); port = l.getsockname()[1]", "
c = socket.create_connection(('127.0.0.1', port)); s, _ = l.accept(); c.send(b'mapped'); s.recv(100)
d = socket.create_connection(('::1', port)); t, _ = l.accept(); d.send(b'six'); t.recv(100)
");
        let address = |bytes: &[u8]| format!("{:?}", events.open(events.one(Received, bytes).socket).remote.address);
        assert_eq!(address(b"mapped"), "Some(Ip(127.0.0.1))");
        assert_eq!(address(b"six"), "Some(Ip(::1))");
    }

    fn unix_sockets_have_a_path(backend) {
        let events = capture(backend, "
import tempfile
d = tempfile.mkdtemp(); path = os.path.join(d, 'server.sock')
l = socket.socket(socket.AF_UNIX); l.bind(path); l.listen()
a = socket.socket(socket.AF_UNIX); a.bind('\\0abstract-%d' % os.getpid()); a.listen()", "
c = socket.socket(socket.AF_UNIX); c.connect(path); s, _ = l.accept()
c.send(b'request'); s.recv(100); s.send(b'answer'); c.recv(100); s.close(); assert c.recv(100) == b''
c = socket.socket(socket.AF_UNIX); c.connect('\\0abstract-%d' % os.getpid()); s, _ = a.accept(); c.send(b'hidden'); s.recv(100)
os.unlink(path); os.rmdir(d)
");
        events.assert_nothing_lost();
        assert_eq!(events.transport(Transport::Unix).len(), 4);
        let client = events.open(events.one(Sent, b"request").socket);
        let server = events.open(events.one(Received, b"request").socket);
        let path = |address: &Option<Address>| match address {
            Some(Address::Unix(path)) => path.to_string(),
            other => format!("{other:?}"),
        };
        assert!(path(&client.remote.address).ends_with("/server.sock"));
        assert_eq!(client.remote.address, server.local.address);
        assert_eq!((client.local.port, client.remote.port), (None, None));
        let ended = StateChange::Ended { direction: Received, position: Some(6) };
        assert!(events.states(client.socket).contains(&&ended));
        let hidden = events.open(events.one(Sent, b"hidden").socket);
        assert!(path(&hidden.remote.address).starts_with("@abstract-"));
    }

    fn socketpairs_and_files_are_not_connections(backend) {
        let events = capture(backend, "a, b = socket.socketpair(); r, w = os.pipe()",
            "a.send(b'private'); b.recv(100); os.write(w, b'pipe'); os.read(r, 100); open('/dev/null', 'wb').write(b'file')");
        assert_eq!(events.opens(), Vec::<&protocols::event::Open>::new());
        assert_eq!(events.data().count(), 0);
    }

    fn a_socket_used_again_is_another_connection(backend) {
        let events = capture(backend, "
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()", "
for i in range(20):
    c = socket.create_connection(l.getsockname()); s, _ = l.accept(); c.send(b'turn %02d' % i); s.recv(100); c.close(); s.close()
for i in range(20):
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('127.0.0.1', 9)); u.send(b'datagram %02d' % i); u.close()
");
        events.assert_nothing_lost();
        for number in 0..20 {
            let data = events.one(Sent, format!("turn {number:02}").as_bytes());
            assert_eq!(data.position, 0);
            assert_eq!(events.of(data.socket, Sent).len(), 1);
            let datagram = events.one(Sent, format!("datagram {number:02}").as_bytes());
            assert_eq!(events.of(datagram.socket, Sent).len(), 1);
        }
    }
}

/// No tracepoint tells of the end of a UDP or Unix socket: it is noticed within a few seconds.
#[test]
#[ignore = "needs root"]
fn closed_sockets_without_a_tracepoint() {
    let events = capture(
        probes::live::Backend::Auto,
        "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('127.0.0.1', 9))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(('127.0.0.1', 9))",
        "u.send(b'closed'); v.send(b'open'); u.close(); time.sleep(2.5)",
    );
    let closed: Vec<_> = events
        .0
        .iter()
        .filter_map(|event| if let SocketEvent::Close { socket, .. } = event { Some(*socket) } else { None })
        .collect();
    assert_eq!(closed, [events.one(Sent, b"closed").socket]);
}
