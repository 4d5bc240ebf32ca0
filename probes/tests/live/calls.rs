//! Every way of sending and receiving.

use probes::live::Backend;
use protocols::event::{Direction, ProcessChange, Side, SocketEvent, StateChange, Transport};

use crate::support::capture;

#[test]
#[ignore = "needs root"]
fn a_connection_from_beginning_to_end() {
    let events = capture(
        Backend::Sock,
        "",
        "c, s = pair(); c.send(b'1 request'); s.recv(100); s.send(b'2 response'); c.recv(100); c.close(); s.close()",
    );

    events.assert_nothing_lost();
    let sent = events.one(Direction::Sent, b"1 request");
    let received = events.one(Direction::Received, b"1 request");
    let client = events.open(sent.socket);
    let server = events.open(received.socket);
    assert_ne!(client.socket, server.socket);
    assert_eq!((client.transport, server.transport), (Transport::Tcp, Transport::Tcp));
    assert_eq!((client.initiator, server.initiator), (Some(Side::Local), Some(Side::Remote)));
    assert!(!client.midstream && !server.midstream);
    assert_eq!(client.remote, server.local);
    assert_eq!((sent.position, sent.original_len), (0, 9));
    assert_eq!((received.position, received.original_len), (0, 9));
    assert!(matches!(events.states(client.socket)[..2], [StateChange::Connecting, StateChange::Established { .. }]));
    let named = events.0.iter().position(|event| {
        matches!(event, SocketEvent::Process(process) if matches!(&process.change, ProcessChange::Named(names)
            if names.process.as_deref() == Some("python3")))
    });
    let first = events.0.iter().position(|event| matches!(event, SocketEvent::Data(_)));
    assert!(named.expect("named") < first.expect("data"));
}

#[test]
#[ignore = "needs root"]
fn datagrams_are_numbered() {
    let events = capture(
        Backend::Sock,
        "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(u.getsockname())",
        "v.send(b'first'); v.send(b'second'); u.recvfrom(100); u.recvfrom(3)",
    );
    events.assert_nothing_lost();
    assert_eq!(events.transport(Transport::Udp).len(), 2);
    let first = events.one(Direction::Sent, b"first");
    let second = events.one(Direction::Sent, b"second");
    assert_eq!((first.position, second.position), (0, 1));
    let received = events.one(Direction::Received, b"first");
    let both = events.of(received.socket, Direction::Received);
    assert_eq!(both.len(), 2);
    // The reader had room for three bytes, and the kernel says so.
    assert_eq!((both[1].position, both[1].original_len, both[1].bytes.as_slice()), (1, 3, &b"sec"[..]));
}
