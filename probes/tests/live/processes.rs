//! Which processes are watched, and what they are called.

use probes::live::{Backend, Capture, Options};
use probes::targets::Targets;
use protocols::event::Direction::{Received, Sent};
use protocols::event::{ProcessChange, SocketEvent, StateChange};

use crate::support::{Events, Workload, capture, options};

fn names(events: &Events, pid: u32) -> Vec<String> {
    let named = |event: &SocketEvent| match event {
        SocketEvent::Process(process) if process.pid == pid => match &process.change {
            ProcessChange::Named(names) => names.process.as_deref().map(str::to_owned),
            _ => None,
        },
        _ => None,
    };
    events.0.iter().filter_map(named).collect()
}

both! {
    fn a_prefork_server(backend) {
        let workload = Workload::start("
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()", "
for i in range(3):
    if os.fork() == 0:
        s, _ = l.accept(); s.recv(100); s.send(b'answer %d' % os.getpid()); s.close(); os._exit(0)
for i in range(3):
    c = socket.create_connection(l.getsockname()); c.send(b'request %d' % i); c.recv(100); c.close()
for i in range(3): os.wait()
");
        let parent = workload.pid();
        let mut with_children = options(parent, backend);
        with_children.targets.children = true;
        let capture = Capture::attach(&with_children).expect("root");
        let events = workload.run(capture);
        events.assert_nothing_lost();
        let mut servers = Vec::new();
        for number in 0..3 {
            let received = events.one(Received, format!("request {number}").as_bytes());
            assert_ne!(received.pid, parent);
            let answer = events.one(Sent, format!("answer {}", received.pid).as_bytes());
            assert_eq!(answer.socket, received.socket);
            assert_eq!(events.open(received.socket).pid, Some(received.pid));
            servers.push(received.pid);
        }
        for pid in servers {
            let changes: Vec<_> = events.0.iter().filter_map(|event| match event {
                SocketEvent::Process(process) if process.pid == pid => Some(&process.change),
                _ => None,
            }).collect();
            assert_eq!(changes, [&ProcessChange::Started { parent }, &ProcessChange::Exited]);
        }
    }

    fn without_children_only_the_process(backend) {
        let events = capture(backend, "c, s = pair()", "
if os.fork() == 0: c.send(b'from the child'); os._exit(0)
os.wait(); s.recv(100)
");
        assert_eq!(events.data().count(), 1);
        assert_eq!(events.one(Received, b"from the child").position, 0);
    }

    fn a_socket_passed_to_another_process(backend) {
        let workload = Workload::start("a, b = socket.socketpair(); c, s = pair()", "
pid = os.fork()
if pid == 0:
    _, fds, _, _ = socket.recv_fds(b, 10, 1); t = socket.socket(fileno=fds[0]); t.recv(100); t.send(b'from the child'); os._exit(0)
c.send(b'first'); s.recv(100); socket.send_fds(a, [b'x'], [s.fileno()]); s.detach()
c.send(b'second'); c.recv(100); os.wait()
");
        let parent = workload.pid();
        let mut with_children = options(parent, backend);
        with_children.targets.children = true;
        let capture = Capture::attach(&with_children).expect("root");
        let events = workload.run(capture);
        let first = events.one(Received, b"first");
        let second = events.one(Received, b"second");
        assert_eq!((first.socket, first.pid, second.position), (second.socket, parent, 5));
        assert_ne!(second.pid, parent);
        let owners: Vec<_> = events.states(first.socket).into_iter()
            .filter(|state| matches!(state, StateChange::Owner { .. })).collect();
        assert_eq!(owners, [&StateChange::Owner { pid: second.pid }]);
    }
}

/// A process that is started later is found by its name, and one of another name is not.
#[test]
#[ignore = "needs root"]
fn found_by_name_when_it_starts() {
    let workload = Workload::start(
        "import shutil, tempfile, subprocess
d = tempfile.mkdtemp(); mine = os.path.join(d, 'explore-probe-t'); shutil.copy('/bin/bash', mine)
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(8); port = l.getsockname()[1]",
        "
for program, word in ((mine, 'wanted'), ('/bin/bash', 'unwanted')):
    subprocess.run([program, '-c', 'exec 3<>/dev/tcp/127.0.0.1/%d; echo %s >&3' % (port, word)], check=True)
shutil.rmtree(d)
",
    );
    let targets = Targets { comms: vec!["explore-probe-*".to_owned()], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let capture = Capture::attach(&options).expect("root");
    assert_eq!(capture.processes(), 0);
    let events = workload.run(capture);
    let wanted = events.one(Sent, b"wanted");
    assert_eq!(events.data().count(), 1, "{:#?}", events.summary());
    assert_eq!(names(&events, wanted.pid), ["explore-probe-t"]);
}

/// A command held before its exec, watched with its children from its first call on.
#[test]
#[ignore = "needs root"]
fn a_command_and_its_children() {
    let nobody = Targets { pids: vec![u32::MAX], ..Targets::default() };
    let workload = Workload::start(
        "import subprocess
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(8)",
        "
subprocess.run(['sh', '-c', 'bash -c \"exec 3<>/dev/tcp/127.0.0.1/%d; echo grandchild >&3\"; true' % l.getsockname()[1]], check=True)
",
    );
    let options = Options { targets: nobody, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let mut capture = Capture::attach(&options).expect("root");
    capture.watch(workload.pid()).expect("room");
    let events = workload.run(capture);
    let sent = events.one(Sent, b"grandchild");
    assert_eq!(names(&events, sent.pid).last().map(String::as_str), Some("bash"));
}

/// Only connections with the port asked for, at either end.
#[test]
#[ignore = "needs root"]
fn narrowed_by_port() {
    let workload = Workload::start(
        "l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(); m = socket.socket(); m.bind(('127.0.0.1', 0)); m.listen()
print(l.getsockname()[1], flush=True)",
        "
for x, word in ((l, b'inside'), (m, b'outside')):
    c = socket.create_connection(x.getsockname()); s, _ = x.accept(); c.send(word); s.recv(100)
",
    );
    let mut options = options(workload.pid(), Backend::Auto);
    options.targets.ports = vec![workload.port()];
    let events = workload.run(Capture::attach(&options).expect("root"));
    assert_eq!(events.data().filter(|data| data.bytes == b"inside").count(), 2);
    assert_eq!(events.data().count(), 2);
}

/// A server that drops its privileges after it was started is the new user's from then on.
#[test]
#[ignore = "needs root"]
fn narrowed_by_user_at_each_call() {
    let workload = Workload::start(
        "c, s = pair()",
        "
c.send(b'as root'); s.recv(100)
if os.fork() == 0: os.setuid(65534); c.send(b'as nobody'); os._exit(0)
os.wait(); s.recv(100)
",
    );
    let targets = Targets { users: vec!["nobody".to_owned()], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let events = workload.run(Capture::attach(&options).expect("root"));
    assert_eq!(events.one(Sent, b"as nobody").position, 7);
    assert!(events.data().all(|data| !data.bytes.starts_with(b"as root")));
}

/// A user who does not exist is an error of the command line, not of the machine.
#[test]
#[ignore = "needs root"]
fn an_unknown_user() {
    let targets = Targets { users: vec!["nobody-of-that-name".to_owned()], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let Err(error) = Capture::attach(&options) else { panic!("attached") };
    assert!(!error.unsupported && error.what.contains("nobody-of-that-name"), "{error:?}");
}

/// A process that moves into the group while it is watched.
#[test]
#[ignore = "needs root and a cgroup2 mount"]
fn narrowed_by_control_group_at_each_call() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("readable");
    let root = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).expect("a cgroup2 mount");
    let root = std::path::Path::new(root.split(' ').nth(1).expect("a mount point"));
    let name = format!("explore-test-{}", std::process::id());
    let inner = root.join(&name).join("inner");
    std::fs::create_dir_all(&inner).expect("root may make groups");
    let workload = Workload::start(
        "c, s = pair()",
        &format!(
            "
c.send(b'outside'); s.recv(100)
open('{0}/cgroup.procs', 'w').write(str(os.getpid()))
c.send(b'inside'); s.recv(100)
open('{1}/cgroup.procs', 'w').write(str(os.getpid()))
",
            inner.display(),
            root.display()
        ),
    );
    let targets = Targets { cgroups: vec![name.clone()], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let events = workload.run(Capture::attach(&options).expect("root"));
    std::fs::remove_dir(&inner).expect("empty");
    std::fs::remove_dir(root.join(&name)).expect("empty");
    assert_eq!(events.one(Sent, b"inside").position, 7);
    assert_eq!(events.data().count(), 2, "{:#?}", events.summary());
}

/// A process that begins to listen later, with all its connections, also those to elsewhere.
#[test]
#[ignore = "needs root"]
fn found_by_the_port_that_it_listens_on() {
    let workload = Workload::start(
        "
l = socket.socket(); l.bind(('127.0.0.1', 0)); e = socket.socket(); e.bind(('127.0.0.1', 0)); e.listen()
print(l.getsockname()[1], flush=True)",
        "
x = socket.create_connection(e.getsockname()); x.send(b'before it listens')
l.listen()
c = socket.create_connection(l.getsockname()); s, _ = l.accept(); c.send(b'request'); s.recv(100); x.send(b'elsewhere')
",
    );
    let targets = Targets { listen: vec![workload.port()], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: false, max_cpu: None };
    let events = workload.run(Capture::attach(&options).expect("root"));
    events.one(Received, b"request");
    events.one(Sent, b"elsewhere");
    assert!(events.data().all(|data| data.bytes != b"before it listens"));
}

/// What `explore doctor` shows: on a machine where these tests run, everything needed works.
#[test]
#[ignore = "needs root"]
fn the_check_agrees() {
    for finding in probes::live::check() {
        assert!(finding.works || !finding.required, "{finding:?}");
    }
}

/// Hooks count their runs, and tell their price once asked to.
#[test]
#[ignore = "needs root"]
fn hooks_are_counted() {
    let workload = Workload::start("c, s = pair()", "for i in range(10): c.send(b'x'); s.recv(1)");
    let mut capture = Capture::attach(&options(workload.pid(), Backend::Sock)).expect("root");
    capture.take_times();
    assert!(capture.hooks().iter().all(|hook| hook.state == probes::live::HookState::Active));
    workload.run_and(&mut capture);
    for program in ["sock_send", "sock_recv"] {
        let hooks = capture.hooks();
        let hook = hooks.iter().find(|hook| hook.program == program).expect("attached");
        assert_eq!(hook.hits, Some(10), "{hook:?}");
        assert!(hook.ns_per_hit.is_some_and(|time| time > 0.0), "{hook:?}");
    }
}

/// Every program of the object passes this kernel's verifier.
#[test]
#[ignore = "needs root"]
fn all_programs_load() {
    for program in probes::live::verify(&[]).expect("root") {
        assert_eq!(program.reason, None, "{}", program.program);
        assert!(program.instructions.is_none_or(|count| count < 200_000), "{program:?}");
    }
}
