//! Java: read where it calls OpenSSL, and named where it does not.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::{Certificate, servers};
use crate::explore::{Explore, plain, text};
use crate::peers::{Peer, free_port, script, wait_for_port};
use crate::servers::curl;

/// Netty with netty-tcnative: OpenSSL behind JNI, on memory, every connection on one event loop.
#[test]
#[ignore = "needs root and a live kernel"]
fn netty_tcnative() {
    let program = Program::build();
    servers::check("openssl", &[1], || program.command("openssl"));
}

/// Java's own TLS is compiled as the program runs: nothing is decrypted, and the reason is stated.
#[test]
#[ignore = "needs root and a live kernel"]
fn java_s_own_tls_says_why_not() {
    let (program, folder, certificate, port) = (Program::build(), tempdir().unwrap(), Certificate::new(), free_port());
    let mut command = program.command("jdk");
    command.arg(port.to_string()).arg(certificate.certificate()).arg(certificate.key());
    let server = Peer::start(folder.path(), "server", &mut command);
    wait_for_port(port);
    let explore = Explore::start(folder.path(), &["--pid", &server.pid(), "-q", "tls"]);
    curl(&["-k", &format!("https://127.0.0.1:{port}/hello")]);
    let finished = explore.stop();
    finished.assert_whole();
    let told: Vec<_> =
        finished.rows.iter().map(|row| ["process", "decrypted", "reason"].map(|name| plain(&row[name]))).collect();
    let reason = "Java's own TLS (JSSE) is not read; netty-tcnative's is";
    assert_eq!(told, [["java", "false", reason].map(str::to_owned)], "{}", finished.stderr);
}

/// The server, compiled, with Debian's Netty.
struct Program {
    folder: TempDir,
    classes: String,
}

impl Program {
    #[track_caller]
    fn build() -> Self {
        let folder = tempdir().unwrap();
        // Each library is there under its name, and under its name and version.
        let jars = entries("/usr/share/java").into_iter().filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let name = name.strip_suffix(".jar").unwrap_or_default();
            (name.starts_with("netty-") || name == "jctools-core") && !name.contains('.')
        });
        let classes = jars.chain([folder.path().to_owned()]).map(|path| text(&path).to_owned()).collect::<Vec<_>>();
        let classes = classes.join(":");
        let compiled = Command::new("ecj")
            .args(["-proc:none", "-17", "-cp", &classes, "-d", text(folder.path()), text(&script("HttpsServer.java"))])
            .output()
            .unwrap_or_else(|error| panic!("ecj: {error} (tests/install brings it)"));
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        // Debian calls the library otherwise than Netty does.
        let native = entries("/usr/lib").into_iter().map(|path| path.join("jni/libnetty-tcnative.so"));
        let native = native.into_iter().find(|path| path.exists()).expect("libnetty-tcnative-jni is installed");
        std::fs::copy(native, folder.path().join("libnetty_tcnative.so")).unwrap();
        Self { folder, classes }
    }

    fn command(&self, provider: &str) -> Command {
        let mut command = Command::new("java");
        command.arg("-cp").arg(&self.classes).arg(format!("-Djava.library.path={}", text(self.folder.path())));
        // On machines with many processors as on those with few; and a small heap is enough.
        command.args(["-XX:ActiveProcessorCount=2", "-Xmx128m", "HttpsServer", provider]);
        command
    }
}

fn entries(folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(Path::new(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}
