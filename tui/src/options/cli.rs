//! What was typed: the command line as clap reads it. [`super::meaning`] says what it means.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::values::{duration, percent, size};

/// `explore`, as typed.
#[derive(Debug, Parser)]
#[command(
    name = "explore",
    version,
    about = "See what programs say to each other: HTTP, gRPC, Postgres, DNS and TLS, live from the kernel or from files",
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) explore: ExploreArgs,
    /// Start COMMAND (held until every hook is attached), watch it and its children, end when it ends
    #[arg(last = true, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) run: Vec<OsString>,
}

/// Sub-commands, as typed.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explore a built-in shop: live where kernel and privileges allow, else its embedded recording
    Demo(Box<DemoArgs>),
    /// Say what will work on this machine, and per process why not
    Doctor {
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
        /// Only this process
        #[arg(long)]
        pid: Option<u32>,
    },
    /// Tables and columns: name, type, unit, meaning, OpenTelemetry attribute
    Schema {
        /// Only this table
        table: Option<String>,
        /// One JSON object a column and line
        #[arg(long)]
        json: bool,
    },
    /// Two snapshots side by side
    Diff {
        /// The earlier one
        a: PathBuf,
        /// The later one
        b: PathBuf,
        /// Columns to compare by
        #[arg(long, value_delimiter = ',', value_name = "COLS")]
        by: Vec<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// `table` or `json`
        #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
        format: Option<DiffFormat>,
    },
    /// Print a completion script
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
    /// What could stand at the cursor: asked by the completion scripts.
    #[command(hide = true, name = "__complete")]
    Complete {
        /// Who asks
        shell: clap_complete::Shell,
        /// The command line (bash) or the word, as far as the cursor
        #[arg(allow_hyphen_values = true)]
        line: String,
        /// Only to be listed
        #[arg(long)]
        listing: bool,
    },
    /// Waits to be continued, then becomes COMMAND.
    #[command(hide = true, name = "__held")]
    Held {
        /// What to become
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// One process of the demo's shop.
    #[command(hide = true, name = "__demo")]
    DemoPart {
        /// Which
        part: String,
        /// What its choices come from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where its peers listen, as `NAME=PORT`
        #[arg(long)]
        peer: Vec<String>,
    },
}

/// `explore demo`, as typed.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Make the same choices again
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Play the embedded recording even where a live capture would work
    #[arg(long)]
    pub(crate) recorded: bool,
    #[command(flatten)]
    pub(crate) explore: ExploreArgs,
}

/// The options of a capture, as typed.
#[derive(Debug, Args)]
pub(crate) struct ExploreArgs {
    /// Run one query and print its rows, such as 'http where status >= 500'
    #[arg(short, long, value_name = "QUERY", help_heading = ASK)]
    pub(crate) query: Option<String>,
    /// Stop after this time, counted from the ready line
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, help_heading = ASK)]
    pub(crate) run_for: Option<Duration>,
    /// Stop after N rows (streaming queries)
    #[arg(long, value_name = "N", help_heading = ASK)]
    pub(crate) limit: Option<u64>,
    /// How rows are printed; `table` on a terminal, `json` in a pipe
    #[arg(long, value_name = "FORMAT", help_heading = ASK)]
    pub(crate) format: Option<FormatArg>,
    /// Write the rows to FILE
    #[arg(short, long, value_name = "FILE", help_heading = ASK)]
    pub(crate) output: Option<PathBuf>,
    /// Exit 1 when the query returned no row
    #[arg(short, long, help_heading = ASK)]
    pub(crate) exit_status: bool,
    /// Exit 4 when more than this share was lost
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = ASK)]
    pub(crate) fail_on_loss: Option<f64>,
    /// How the last line of stderr says what was seen and what was not
    #[arg(long, value_name = "STYLE", default_value = "text", help_heading = ASK)]
    pub(crate) coverage: CoverageArg,

    /// Read captures, recordings or snapshots instead of the live kernel; `-` is stdin
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = FILES)]
    pub(crate) read: Vec<PathBuf>,
    /// SSLKEYLOGFILE for captures
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(crate) tls_keys: Option<PathBuf>,
    /// Dump the store to FILE at exit (Parquet)
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(crate) snapshot: Option<PathBuf>,
    /// Record every socket event to FILE, for an exact replay (holds unredacted bytes)
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(crate) record: Option<PathBuf>,
    /// Overwrite files
    #[arg(long, help_heading = FILES)]
    pub(crate) force: bool,

    /// Watch this process
    #[arg(long, value_name = "PID", value_delimiter = ',', help_heading = TARGETS)]
    pub(crate) pid: Vec<u32>,
    /// Watch processes with this name or executable base name (glob)
    #[arg(long, value_name = "GLOB", help_heading = TARGETS)]
    pub(crate) comm: Vec<String>,
    /// Watch processes of this executable (glob on the path)
    #[arg(long, value_name = "GLOB", help_heading = TARGETS)]
    pub(crate) exe: Vec<String>,
    /// Watch this user's processes (name or uid)
    #[arg(long, value_name = "USER", help_heading = TARGETS)]
    pub(crate) user: Vec<String>,
    /// Watch this container (id prefix)
    #[arg(long, value_name = "ID", help_heading = TARGETS)]
    pub(crate) container: Vec<String>,
    /// Watch this cgroup and all below it
    #[arg(long, value_name = "PATH", help_heading = TARGETS)]
    pub(crate) cgroup: Vec<String>,
    /// Watch the processes that listen on PORT, with all their connections
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = TARGETS)]
    pub(crate) listen: Vec<u16>,
    /// Watch connections with PORT at either end
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = TARGETS)]
    pub(crate) port: Vec<u16>,
    /// Watch the targets' descendants too
    #[arg(long, help_heading = TARGETS)]
    pub(crate) children: bool,
    /// Leave out processes with this name (glob)
    #[arg(long, value_name = "GLOB", help_heading = TARGETS)]
    pub(crate) exclude_comm: Vec<String>,
    /// Leave out connections with PORT at either end
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = TARGETS)]
    pub(crate) exclude_port: Vec<u16>,

    /// Parse only these: http grpc pgsql dns tls
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = LIMITS)]
    pub(crate) protocol: Vec<String>,
    /// Bytes kept of each body
    #[arg(long, value_name = "BYTES", default_value = "1KiB", value_parser = size, help_heading = LIMITS)]
    pub(crate) body: u64,
    /// Bytes copied at most from one system call
    #[arg(long, value_name = "BYTES", default_value = "16KiB", value_parser = size, help_heading = LIMITS)]
    pub(crate) capture: u64,
    /// Memory of the store; the oldest goes first, bodies before headers before rows
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size, help_heading = LIMITS)]
    pub(crate) memory: u64,
    /// Forget rows after this time
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = LIMITS)]
    pub(crate) retain: Option<Duration>,
    /// Shed load rather than use more of one CPU than this
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = LIMITS)]
    pub(crate) max_cpu: Option<f64>,
    /// Read no plaintext from TLS libraries; drop all privileges after start
    #[arg(long, help_heading = LIMITS)]
    pub(crate) no_tls: bool,
    /// Keep secrets as they are
    #[arg(long, help_heading = LIMITS)]
    pub(crate) no_redact: bool,
    /// Keep bodies of unknown type that cannot be decoded
    #[arg(long, help_heading = LIMITS)]
    pub(crate) keep_binary: bool,
    /// Name routes by this pattern, such as '/users/{id}' or '/api/**'
    #[arg(long, value_name = "PATTERN", help_heading = LIMITS)]
    pub(crate) route: Vec<String>,
    /// Leave out routes that match
    #[arg(long, value_name = "PATTERN", help_heading = LIMITS)]
    pub(crate) ignore_route: Vec<String>,

    /// Export spans and metrics over OTLP
    #[arg(long, value_name = "ENDPOINT", num_args = 0..=1, default_missing_value = "", help_heading = EXPORT)]
    pub(crate) otlp: Option<String>,
    /// Always keep these spans, such as errors,slow:1s
    #[arg(long, value_name = "LIST", help_heading = EXPORT)]
    pub(crate) otlp_keep: Option<String>,
    /// Export SQL text rather than its shape
    #[arg(long, help_heading = EXPORT)]
    pub(crate) otlp_query_text: bool,
    /// Export spans of database servers too
    #[arg(long, help_heading = EXPORT)]
    pub(crate) otlp_db_server: bool,
    /// Serve Prometheus text here
    #[arg(long, value_name = "ADDR", help_heading = EXPORT)]
    pub(crate) metrics_listen: Option<String>,

    /// No screen: capture until the end is reached
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) headless: bool,
    /// Print every program, hook, library and capability that would be used, and stop
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) dry_run: bool,
    /// Create FILE when every hook is attached
    #[arg(long, value_name = "FILE", help_heading = PROGRAM)]
    pub(crate) ready_file: Option<PathBuf>,
    /// Read options from this TOML file
    #[arg(long, value_name = "FILE", help_heading = PROGRAM)]
    pub(crate) config: Option<PathBuf>,
    /// Colour; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = PROGRAM)]
    pub(crate) color: ColorArg,
    /// Draw with ASCII characters only
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) ascii: bool,
    /// Take mouse events on the screens
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) mouse: bool,
    /// Say more on stderr; twice: even more
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = PROGRAM)]
    pub(crate) verbose: u8,
    /// Write diagnostics to FILE
    #[arg(long, value_name = "FILE", help_heading = PROGRAM)]
    pub(crate) log: Option<PathBuf>,
    /// Which kernel hooks to use.
    #[arg(long, hide = true, default_value = "auto")]
    pub(crate) backend: BackendArg,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    Table,
    Json,
    Csv,
    Parquet,
    Arrow,
}

/// `--coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverageArg {
    Text,
    Json,
    None,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    Auto,
    Always,
    Never,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Table,
    Json,
}

/// `--backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    Auto,
    Sock,
    Syscall,
}

const ASK: &str = "Asking";
const FILES: &str = "Files";
const TARGETS: &str = "What to watch (OR within an option, AND across options)";
const LIMITS: &str = "How much to keep";
const EXPORT: &str = "Export";
const PROGRAM: &str = "Program";

const LONG_ABOUT: &str =
    "See what programs say to each other: HTTP, gRPC, Postgres, DNS and TLS, live from the kernel \
(eBPF, no change to the programs) or from capture files.

Without --query it opens a screen. stdout is data only: everything else goes to stderr.";

const AFTER_HELP: &str = "\
Try:
  explore demo                                            a built-in shop, explored
  explore --comm nginx -q 'http where status >= 500'      failing requests, as they happen
  explore -q 'http | summarize count(), p99(latency) by route' --for 10s -- ./my-test
  explore --read capture.pcap -q 'dns where rcode != \"NOERROR\"'

Every option can come from the environment (EXPLORE_BODY=4KiB for --body 4KiB) or from a TOML file
(--config). Flags win over the environment, the environment over the file.

Exit codes: 0 fine, 1 no rows (with -e), 2 usage, query or file error, 3 the machine cannot do it, 4 loss.";
