//! Gives up privileges that are no longer needed.

use std::io;

/// Gives up every capability of the calling thread, for good, also over `execve`. Threads that it starts have none either;
/// those that are there already keep theirs, so that each must do the same.
///
/// # Errors
/// When the kernel refuses.
pub fn drop_of_thread() -> io::Result<()> {
    // SAFETY: plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: plain numbers. Ambient capabilities would come back with another user id; kernels before 4.3 have none.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let header = Header { version: VERSION_3, pid: 0 };
    let none = [Sets { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: both have the layout of `struct __user_cap_header_struct` and `__user_cap_data_struct[2]`
    // (include/uapi/linux/capability.h), and live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// `_LINUX_CAPABILITY_VERSION_3`: two sets of 32 capabilities each.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    /// 0: the calling thread.
    pid: i32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_up_its_own() {
        let capabilities = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = |name: &str| status.lines().find(|line| line.starts_with(name)).map(str::to_owned);
            [line("CapEff:"), line("CapPrm:"), line("NoNewPrivs:")].map(Option::unwrap)
        };
        let before = capabilities();
        let after = std::thread::spawn(move || {
            drop_of_thread().unwrap();
            capabilities()
        });
        let none = ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"];
        assert_eq!(after.join().unwrap(), none.map(str::to_owned));
        assert_eq!(capabilities(), before, "other threads keep theirs");
    }
}
