//! Which members of kernel structures the programs read. Their offsets come from the running kernel's BTF: user space
//! sets one global of the given name for each, before loading.

/// The value of an offset whose member this kernel does not have.
pub const MISSING: u32 = u32::MAX;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Name of the global.
    pub name: &'static str,
    /// The structure.
    pub structure: &'static str,
    /// Member, or members from the outside in, with dots between. Anonymous structures and unions are looked through.
    pub member: &'static str,
    /// The programs work without it.
    pub optional: bool,
}

/// Calls `$then!` with all rows: `NAME "structure" "member" optional;`.
#[macro_export]
macro_rules! for_each_offset {
    ($then:ident) => {
        $then! {
            SK_DPORT "sock_common" "skc_dport" false;
            SK_DADDR "sock_common" "skc_daddr" false;
            SK_RCV_SADDR "sock_common" "skc_rcv_saddr" false;
            SK_FAMILY "sock_common" "skc_family" false;
            SK_STATE "sock_common" "skc_state" false;
            SK_V6_DADDR "sock_common" "skc_v6_daddr" true;
            SK_V6_RCV_SADDR "sock_common" "skc_v6_rcv_saddr" true;
            SK_FLAGS "sock_common" "skc_flags" false;
            SK_PROTOCOL "sock" "sk_protocol" false;
            SK_TYPE "sock" "sk_type" false;
            SK_SOCKET "sock" "sk_socket" false;
            SK_ERR "sock" "sk_err" false;
            SK_MAX_ACK_BACKLOG "sock" "sk_max_ack_backlog" false;
            INET_SPORT "inet_sock" "inet_sport" false;
            ULP_OPS "inet_connection_sock" "icsk_ulp_ops" true;
            ULP_DATA "inet_connection_sock" "icsk_ulp_data" true;
            ULP_NAME "tcp_ulp_ops" "name" true;
            TLS_CONF "tls_context" "tx_conf" true;
            SKB_CB "sk_buff" "cb" true;
            CB_SEGMENTS "tcp_skb_cb" "tcp_gso_segs" true;
            TCP_WRITE_SEQ "tcp_sock" "write_seq" false;
            TCP_COPIED_SEQ "tcp_sock" "copied_seq" false;
            TCP_RCV_NXT "tcp_sock" "rcv_nxt" false;
            TCP_SND_UNA "tcp_sock" "snd_una" false;
            TCP_BYTES_ACKED "tcp_sock" "bytes_acked" false;
            TCP_BYTES_RECEIVED "tcp_sock" "bytes_received" false;
            UNIX_ADDR "unix_sock" "addr" false;
            UNIX_PEER "unix_sock" "peer" false;
            UNIX_ADDRESS_LEN "unix_address" "len" false;
            UNIX_ADDRESS_NAME "unix_address" "name" false;
            SOCKET_INODE "socket_alloc" "vfs_inode" false;
            SOCKET_SK "socket" "sk" false;
            INODE_INO "inode" "i_ino" false;
            INODE_MODE "inode" "i_mode" false;
            FILE_INODE "file" "f_inode" false;
            FILE_PRIVATE "file" "private_data" false;
            TASK_TGID "task_struct" "tgid" false;
            TASK_PID "task_struct" "pid" false;
            TASK_THREAD_PID "task_struct" "thread_pid" true;
            PID_LEVEL "pid" "level" true;
            PID_NUMBERS "pid" "numbers" true;
            TASK_SIGNAL "task_struct" "signal" false;
            TASK_FILES "task_struct" "files" false;
            TASK_FLAGS "task_struct" "flags" false;
            SIGNAL_LIVE "signal_struct" "live" false;
            FILES_FDT "files_struct" "fdt" false;
            FDT_MAX_FDS "fdtable" "max_fds" false;
            FDT_FD "fdtable" "fd" false;
            BPRM_FILENAME "linux_binprm" "filename" false;
        }
    };
}

macro_rules! table {
    ($($name:ident $structure:literal $member:literal $optional:literal;)*) => {
        /// All of them.
        pub const OFFSETS: &[Offset] = &[
            $(Offset { name: stringify!($name), structure: $structure, member: $member, optional: $optional },)*
        ];
    };
}

for_each_offset!(table);
