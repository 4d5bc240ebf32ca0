//! What explore says where it cannot work.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use tempfile::tempdir;

/// An ordinary user: exit code 3, and the command that mends it.
#[test]
#[ignore = "needs root to become somebody else"]
fn without_privileges_it_says_what_to_run() {
    let output = as_nobody(&["-q", "http", "--for", "1s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("sudo") && stderr.contains("CAP_BPF"), "{stderr}");
    assert!(stderr.lines().count() <= 24, "more than a screen:\n{stderr}");
    assert!(output.stdout.is_empty());
}

/// `demo` falls back to its recording, and says so.
#[test]
#[ignore = "needs root to become somebody else"]
fn without_privileges_the_demo_is_recorded() {
    let output = as_nobody(&["demo", "-q", "http where status>=500", "--for", "5s", "--format", "json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("source=recorded"), "{stderr}");
    assert!(!output.stdout.is_empty());
}

/// A kernel without BTF, as far as explore can see.
#[test]
#[ignore = "needs root and a mount namespace"]
fn without_btf_it_says_so() {
    let script =
        format!("mount -t tmpfs none /sys/kernel/btf && exec {} -q http --for 1s", env!("CARGO_BIN_EXE_explore"));
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("BTF"), "{stderr}");
}

fn as_nobody(arguments: &[&str]) -> Output {
    // The build folder may be closed to others: run a copy.
    let folder = tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("explore");
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &program).unwrap();
    Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
        .arg(&program)
        .args(arguments)
        .current_dir("/")
        .output()
        .unwrap()
}
