//! What is found in real libraries and programs, against what other tools say of the same files.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::path::{Path, PathBuf};
use std::process::Command;

use probes::tls::{Call, Exit, Library, Refusal, inspect};
use protocols::event::Source;

fn calls(library: &Library) -> Vec<Call> {
    library.hooks.iter().map(|hook| hook.call).collect()
}

fn output(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
}

fn shared(name: &str) -> PathBuf {
    let list = output("/sbin/ldconfig", &["-p"]);
    let line = list.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    PathBuf::from(line.rsplit("=> ").next().unwrap())
}

#[test]
#[ignore = "needs Debian's libssl3 and openssl"]
fn openssl_is_hooked_at_the_inner_functions() {
    let library = inspect(&shared("libssl.so.3")).unwrap();
    assert_eq!(library.source, Source::OpenSsl);
    assert_eq!(calls(&library), [Call::ReadCounted, Call::WriteCounted, Call::Handshake, Call::Handshake, Call::Free]);
    assert_eq!(library.build_id.unwrap().len(), 40);
}

#[test]
#[ignore = "needs Debian's libgnutls30"]
fn gnutls_is_hooked_once_a_direction() {
    let library = inspect(&shared("libgnutls.so.30")).unwrap();
    assert_eq!(
        (library.source, calls(&library)),
        (Source::GnuTls, vec![Call::Read, Call::Write, Call::Handshake, Call::Free])
    );
}

#[test]
#[ignore = "needs Node.js"]
fn node_brings_its_own_openssl() {
    let node = std::fs::canonicalize(output("sh", &["-c", "command -v node"]).trim()).unwrap();
    let library = inspect(&node).unwrap();
    assert_eq!(library.source, Source::OpenSsl);
    let version = output("node", &["-p", "process.versions.openssl"]);
    let version = version.trim().split('+').next().unwrap();
    assert!(library.version.as_deref().unwrap().contains(version), "{:?} {version}", library.version);
}

/// Of a line of a disassembly.
fn address_of(line: &str) -> Option<u64> {
    u64::from_str_radix(line.trim_start().split_once(":\t")?.0, 16).ok()
}

/// The same functions and returns in a stripped Go program; objdump counts the `ret`s.
#[test]
#[ignore = "needs Go (tests/install)"]
fn go_programs_are_read_by_their_function_table() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("main.go");
    let program = "package main\nimport \"crypto/tls\"\nfunc main() { c, e := tls.Dial(\"tcp\", \"x:1\", nil); \
                   if e == nil { c.Write(nil); c.Read(nil) } }\n";
    std::fs::write(&source, program).unwrap();
    let build = |name: &str, flags: &str| {
        let binary = folder.path().join(name);
        let go = Path::new(&std::env::var("EXPLORE_TEST_TOOLS").unwrap()).join("bin/go");
        let mut command = Command::new(go);
        command.args(["build", &format!("-ldflags={flags}"), "-o", binary.to_str().unwrap(), source.to_str().unwrap()]);
        let built = command.env("GOCACHE", std::env::temp_dir().join("explore-go-cache")).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        binary
    };
    let plain = build("plain", "");
    let stripped = build("stripped", "-s -w");
    let library = inspect(&plain).unwrap();
    assert_eq!(library.source, Source::Go);
    assert!(library.version.clone().unwrap().starts_with("go1."));
    for hook in &library.hooks {
        let disassemble = format!("--disassemble={}", hook.symbol);
        let text = output("objdump", &["-d", "--no-show-raw-insn", &disassemble, plain.to_str().unwrap()]);
        let returns = text.lines().filter(|line| line.trim_end().ends_with("\tret")).count();
        let Exit::Instructions(found) = &hook.exit else { panic!("{hook:?}") };
        assert_eq!(found.len(), returns, "{}", hook.symbol);
        // The jump for more stack, not the dearer comparison before it.
        let jumps: Vec<u64> = text.lines().filter(|line| line.contains("\tjbe ")).filter_map(address_of).collect();
        let start = text.lines().find_map(address_of).unwrap();
        assert!(jumps.contains(&(start + hook.entry - hook.start)) && hook.entry > hook.start, "{hook:?}\n{text}");
    }
    let stripped = inspect(&stripped).unwrap();
    assert_eq!(calls(&stripped), calls(&library));
    assert_eq!(calls(&library).len(), 2);
}

/// grpcio's own extension.
#[test]
#[ignore = "needs grpcio (tests/install)"]
fn boringssl_without_symbols_is_named() {
    let script = "import grpc._cython.cygrpc as it; print(it.__file__)";
    let extension = output("python", &["-c", script]);
    let refusal = inspect(Path::new(extension.trim())).unwrap_err();
    assert_eq!(refusal, Refusal::NoSymbols("static BoringSSL, no symbols".to_owned()));
}

#[test]
fn what_holds_no_tls_says_so() {
    assert_eq!(inspect(Path::new("/bin/true")), Err(Refusal::NoLibrary));
    assert!(matches!(inspect(Path::new("/etc/passwd")), Err(Refusal::Unreadable(_))));
}
