//! Real servers and clients, started and ended by the test that uses them.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::explore::{read, text, wait_for};

/// A process that ends with the test.
pub(crate) struct Peer {
    child: Child,
    log: PathBuf,
}

impl Peer {
    /// Starts it, output into `folder/NAME.log`.
    #[track_caller]
    pub(crate) fn start(folder: &Path, name: &str, command: &mut Command) -> Self {
        let path = folder.join(format!("{name}.log"));
        let log = std::fs::File::create(&path).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{name}: {error} (tests/install brings it)")), log: path }
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        let mut status = None;
        wait_for("a peer to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{}", read(&self.log));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // SIGTERM first: nginx and prefork servers end their workers.
        let _ = Command::new("kill").arg(self.pid()).status();
        for _ in 0..200 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens.
#[track_caller]
pub(crate) fn wait_for_port(port: u16) {
    wait_for("a server to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// A file beside this one.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/live/peers").join(name)
}

/// A program that `tests/install` put aside.
pub(crate) fn tool(name: &str) -> PathBuf {
    let folder = std::env::var("EXPLORE_TEST_TOOLS").expect("EXPLORE_TEST_TOOLS is set by tests/run");
    Path::new(&folder).join("bin").join(name)
}

/// nginx with an access log of its own.
pub(crate) struct Nginx {
    /// Where it listens, IPv4 and IPv6.
    pub(crate) port: u16,
    folder: PathBuf,
    _master: Peer,
}

impl Nginx {
    /// Starts it with `workers` workers.
    #[track_caller]
    pub(crate) fn start(folder: &Path, workers: u32) -> Self {
        let port = free_port();
        let configuration = read(&script("nginx.conf"))
            .replace("@FOLDER@", text(folder))
            .replace("@PORT@", &port.to_string())
            .replace("@WORKERS@", &workers.to_string());
        std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
        std::fs::create_dir_all(folder.join("www")).unwrap();
        std::fs::write(folder.join("www/file.bin"), vec![b'x'; 300_000]).unwrap();
        let configuration = folder.join("nginx.conf");
        let master = Peer::start(
            folder,
            "nginx",
            Command::new("/usr/sbin/nginx").args(["-p", text(folder), "-c", text(&configuration)]),
        );
        wait_for_port(port);
        Self { port, folder: folder.to_owned(), _master: master }
    }

    /// Its access log: method, target, status, client port, bytes of body.
    pub(crate) fn log(&self) -> Vec<[String; 5]> {
        let log = read(&self.folder.join("access.log"));
        log.lines().map(|line| line.splitn(5, ' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()).collect()
    }

    /// Waits until a request for `target` is in the log.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, target: &str) {
        wait_for("nginx's log", || self.log().iter().any(|line| line[1] == target));
    }
}
