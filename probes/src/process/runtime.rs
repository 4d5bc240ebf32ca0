//! Language runtimes that change how a process's bytes are to be understood.

use std::fs::File;

use object::{Object, ReadCache};

/// `go` for an executable that the Go toolchain linked: goroutines move between threads.
pub(crate) fn runtime(pid: u32) -> Option<&'static str> {
    let executable = File::open(format!("/proc/{pid}/exe")).ok()?;
    is_go(executable).then_some("go")
}

/// Every Go executable has this section, stripped ones too (cmd/link, `doelf`).
fn is_go(executable: File) -> bool {
    let cache = ReadCache::new(executable);
    object::File::parse(&cache).is_ok_and(|file| file.section_by_name(".go.buildinfo").is_some())
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
        for (expected, bytes) in [(true, elf.clone()), (false, elf[..80].to_vec())] {
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(&bytes).expect("room");
            assert_eq!(is_go(file), expected);
        }
    }
}
