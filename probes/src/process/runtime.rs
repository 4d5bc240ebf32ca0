//! Language runtimes that change how a process's bytes are to be understood.

use std::fs::File;

use object::{Object, ObjectSymbol, ReadCache};

/// `go` for an executable that the Go toolchain linked: goroutines move between threads. `node` for Node.js and its like, and
/// `loop` for a single thread with an epoll instance: what such a thread does need not be for the request that is open.
pub(crate) fn runtime(pid: u32) -> Option<&'static str> {
    let executable = File::open(format!("/proc/{pid}/exe")).ok()?;
    of_executable(executable).or_else(|| is_loop(pid).then_some("loop"))
}

/// Every Go executable has this section, stripped ones too (cmd/link, `doelf`). Node.js, Bun and Deno export Node-API.
fn of_executable(executable: File) -> Option<&'static str> {
    let cache = ReadCache::new(executable);
    let file = object::File::parse(&cache).ok()?;
    if file.section_by_name(".go.buildinfo").is_some() {
        return Some("go");
    }
    let exports =
        file.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name() == Ok("napi_create_function"));
    exports.then_some("node")
}

fn is_loop(pid: u32) -> bool {
    let entries = |folder: &str| std::fs::read_dir(format!("/proc/{pid}/{folder}")).into_iter().flatten().flatten();
    let is_epoll =
        |link: std::io::Result<std::path::PathBuf>| link.is_ok_and(|path| path.as_os_str() == "anon_inode:[eventpoll]");
    entries("task").count() == 1 && entries("fd").any(|entry| is_epoll(std::fs::read_link(entry.path())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn this_test_is_no_go_program() {
        assert_eq!(runtime(std::process::id()), None);
        assert_eq!(runtime(u32::MAX), None);
    }

    /// The smallest ELF file with a section of that name.
    #[test]
    fn the_section_tells() {
        let names = b"\0.go.buildinfo\0.shstrtab\0";
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        elf.extend([0; 16]);
        elf.extend(88u64.to_le_bytes());
        elf.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
        assert_eq!(elf.len(), 64);
        elf.extend(names);
        elf.resize(88, 0);
        let mut section = |name: u32, kind: u32, offset: u64, size: u64| {
            elf.extend(name.to_le_bytes());
            elf.extend(kind.to_le_bytes());
            elf.extend([0; 16]);
            elf.extend(offset.to_le_bytes());
            elf.extend(size.to_le_bytes());
            elf.extend([0; 8]);
            elf.extend(1u64.to_le_bytes());
            elf.extend([0; 8]);
        };
        section(0, 0, 0, 0);
        section(1, 1, 64, 4);
        section(15, 3, 64, names.len() as u64);
        for (expected, bytes) in [(Some("go"), elf.clone()), (None, elf[..80].to_vec())] {
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(&bytes).expect("room");
            assert_eq!(of_executable(file), expected);
        }
    }
}
