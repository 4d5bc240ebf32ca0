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
    let expected =
        [Call::ReadCounted, Call::WriteCounted, Call::SendFile, Call::Handshake, Call::Handshake, Call::Free];
    assert_eq!(calls(&library), expected);
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

/// Builds a Go program that reads and writes over TLS, for another architecture too.
fn go_program(folder: &Path, architecture: &str, flags: &str) -> PathBuf {
    let (source, binary) = (folder.join("main.go"), folder.join(format!("{architecture}{flags}")));
    let program = "package main\nimport \"crypto/tls\"\nfunc main() { c, e := tls.Dial(\"tcp\", \"x:1\", nil); \
                   if e == nil { c.Write(nil); c.Read(nil) } }\n";
    std::fs::write(&source, program).unwrap();
    let mut command = Command::new(go());
    command.args(["build", &format!("-ldflags={flags}"), "-o", binary.to_str().unwrap(), source.to_str().unwrap()]);
    command
        .env("GOCACHE", std::env::temp_dir().join("explore-go-cache"))
        .envs([("GOARCH", architecture), ("CGO_ENABLED", "0")]);
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    binary
}

fn go() -> PathBuf {
    Path::new(&std::env::var("EXPLORE_TEST_TOOLS").unwrap()).join("bin/go")
}

/// Functions and returns in Go programs for both architectures, stripped or not, are those of Go's own disassembler.
#[test]
#[ignore = "needs Go (tests/install)"]
fn go_programs_are_read_by_their_function_table() {
    // Go's names of the jump for more stack and of the return.
    for (architecture, jump) in [("amd64", "JBE"), ("arm64", "BLS")] {
        let folder = tempfile::tempdir().unwrap();
        let plain = go_program(folder.path(), architecture, "");
        let library = inspect(&plain).unwrap();
        assert_eq!((library.source, calls(&library).len()), (Source::Go, 2));
        assert!(library.version.clone().unwrap().starts_with("go1."));
        for hook in &library.hooks {
            let pattern = format!("^{}$", hook.symbol.replace("(*Conn)", r"\(\*Conn\)"));
            let text = output(go().to_str().unwrap(), &["tool", "objdump", "-s", &pattern, plain.to_str().unwrap()]);
            // FILE:LINE ADDRESS BYTES INSTRUCTION …
            let lines = text.lines().skip(1).filter_map(|line| {
                let mut words = line.split_whitespace().skip(1);
                let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
                Some((address, words.nth(1)?.to_owned()))
            });
            let lines: Vec<(u64, String)> = lines.collect();
            let start = lines[0].0;
            let places = |name: &str| -> Vec<u64> {
                lines.iter().filter(|(_, found)| found == name).map(|(address, _)| address - start).collect()
            };
            let Exit::Instructions(found) = &hook.exit else { panic!("{hook:?}") };
            let found: Vec<u64> = found.iter().map(|offset| offset - hook.start).collect();
            assert_eq!(found, places("RET"), "{}\n{text}", hook.symbol);
            assert!(!found.is_empty());
            // The jump for more stack, not the comparison before it.
            assert_eq!(hook.entry - hook.start, places(jump)[0], "{hook:?}\n{text}");
        }
        let stripped = inspect(&go_program(folder.path(), architecture, "-s -w")).unwrap();
        let widths = |library: &Library| -> Vec<_> {
            let of = |exit: &Exit| matches!(exit, Exit::Instructions(places) if !places.is_empty());
            library.hooks.iter().map(|hook| (hook.symbol, hook.entry - hook.start, of(&hook.exit))).collect()
        };
        assert_eq!(widths(&stripped), widths(&library));
    }
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
