//! What the options mean: checked, defaults filled in, contradictions refused.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use probes::live::Backend;
use probes::targets::Targets;
use protocols::route::Pattern;
use protocols::tracker;
use query::export::Format;

use super::cli::{BackendArg, Cli, ColorArg, Command, CoverageArg, ExploreArgs, FormatArg};
use super::config::Config;
use super::is_dash;
use crate::failure::Failure;
use crate::otlp;

/// What to do.
pub(crate) enum Invocation {
    /// Capture or read, then show, print or write.
    Explore(Box<Explore>),
    /// `explore doctor`.
    Doctor { json: bool, pid: Option<u32> },
    /// `explore schema`.
    Schema { table: Option<String>, json: bool },
    /// `explore diff`.
    Diff { a: PathBuf, b: PathBuf, by: Vec<String>, json: bool },
    /// `explore completions`.
    Completions(clap_complete::Shell),
    /// What could stand at a shell's cursor.
    Complete {
        /// Who asks.
        shell: clap_complete::Shell,
        /// As far as the cursor.
        line: String,
        /// Only to be listed.
        listing: bool,
    },
    /// `explore man`.
    Man,
    /// Wait to be continued, then become this command.
    Held(Vec<OsString>),
    /// Be one process of the demo.
    DemoPart { part: String, seed: u64, peers: Vec<String> },
}

/// One run.
pub(crate) struct Explore {
    pub(crate) input: Input,
    pub(crate) view: View,
    pub(crate) output: Output,
    pub(crate) keep: Keep,
    /// Counted from the ready line.
    pub(crate) run_for: Option<Duration>,
    pub(crate) limit: Option<u64>,
    /// Exit 1 without rows.
    pub(crate) exit_status: bool,
    /// In percent.
    pub(crate) fail_on_loss: Option<f64>,
    pub(crate) coverage: CoverageStyle,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) force: bool,
    pub(crate) mouse: bool,
    pub(crate) ascii: bool,
    pub(crate) color: bool,
    pub(crate) verbose: u8,
    pub(crate) log: Option<PathBuf>,
    /// Null: nothing is exported.
    pub(crate) otlp: Option<otlp::Settings>,
    /// Saved queries: name and text.
    pub(crate) saved: Vec<(String, String)>,
    /// The options that chose what is watched, as typed.
    pub(crate) filters: Vec<String>,
}

/// Where the events come from.
pub(crate) enum Input {
    /// The kernel.
    Live(Live),
    /// Files.
    Files(Files),
    /// The built-in shop.
    Demo { seed: u64, recorded: bool, live: Live },
}

/// How to watch the kernel.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) options: probes::live::Options,
    /// `-- COMMAND ARGS`.
    pub(crate) command: Vec<OsString>,
}

/// What is done with the rows.
pub(crate) enum View {
    /// Printed, or written to `-o`.
    Query(query::Query),
    /// Nothing: recorded or snapshot only.
    Headless,
    /// Explored.
    Screen,
    /// Say what would be done.
    DryRun,
}

/// Where and how rows are printed.
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) file: Option<PathBuf>,
    /// Rows go to a terminal.
    pub(crate) terminal: bool,
}

/// How much is kept.
pub(crate) struct Keep {
    pub(crate) tracker: tracker::Config,
    pub(crate) memory: u64,
    pub(crate) retain: Option<Duration>,
}

/// `--coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoverageStyle {
    Text,
    Json,
    None,
}

/// Which standard streams are terminals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminals {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// What the surroundings say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) terminals: Terminals,
    pub(super) no_color: bool,
    /// `TERM=dumb`.
    pub(super) dumb: bool,
}

/// What `--read` reads.
pub(crate) struct Files {
    /// `-` is stdin.
    pub(crate) paths: Vec<PathBuf>,
    /// Logged secrets for captures.
    pub(crate) tls_keys: Option<PathBuf>,
}

/// What was typed -> what it means.
pub(super) fn resolve(
    cli: Cli,
    config: Config,
    place: Place,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Invocation, Failure> {
    let invocation = match cli.command {
        None => {
            let live = live(&cli.explore, cli.run);
            let input = match cli.explore.read.is_empty() {
                true => Input::Live(live),
                false => Input::Files(files(&cli.explore, &live)?),
            };
            Invocation::Explore(Box::new(explore(cli.explore, input, config, place, environment)?))
        }
        Some(Command::Demo(demo)) => {
            if !demo.explore.read.is_empty() {
                return Err(Failure::usage(
                    "`demo` has its own workload and cannot --read files\n\ntry: explore --read FILE",
                ));
            }
            let live = live(&demo.explore, Vec::new());
            if live.options.targets != Targets::default() {
                return Err(Failure::usage("`demo` watches its own processes: leave out --pid, --comm and the like"));
            }
            let input = Input::Demo { seed: demo.seed, recorded: demo.recorded, live };
            Invocation::Explore(Box::new(explore(demo.explore, input, config, place, environment)?))
        }
        Some(Command::Doctor { json, pid }) => Invocation::Doctor { json, pid },
        Some(Command::Schema { table, json }) => Invocation::Schema { table, json },
        Some(Command::Diff { a, b, by, json, format }) => {
            Invocation::Diff { a, b, by, json: json || format == Some(super::cli::DiffFormat::Json) }
        }
        Some(Command::Completions { shell }) => Invocation::Completions(shell),
        Some(Command::Complete { shell, line, listing }) => Invocation::Complete { shell, line, listing },
        Some(Command::Man) => Invocation::Man,
        Some(Command::Held { command }) => Invocation::Held(command),
        Some(Command::DemoPart { part, seed, peer }) => Invocation::DemoPart { part, seed, peers: peer },
    };
    Ok(invocation)
}

fn live(args: &ExploreArgs, command: Vec<OsString>) -> Live {
    let targets = Targets {
        pids: args.pid.clone(),
        comms: args.comm.clone(),
        exes: args.exe.clone(),
        users: args.user.clone(),
        containers: args.container.clone(),
        cgroups: args.cgroup.clone(),
        listen: args.listen.clone(),
        ports: args.port.clone(),
        children: args.children,
        exclude_comms: args.exclude_comm.clone(),
        exclude_ports: args.exclude_port.clone(),
    };
    let backend = match args.backend {
        BackendArg::Auto => Backend::Auto,
        BackendArg::Sock => Backend::Sock,
        BackendArg::Syscall => Backend::Syscall,
    };
    let options = probes::live::Options {
        targets,
        capture: to_usize(args.capture),
        backend,
        tls: !args.no_tls,
        max_cpu: args.max_cpu,
    };
    Live { options, command }
}

fn filters(args: &ExploreArgs) -> Vec<String> {
    let numbers = |name: &str, numbers: &[u32]| numbers.iter().map(|n| format!("--{name}={n}")).collect::<Vec<_>>();
    let ports = |name, ports: &[u16]| numbers(name, &ports.iter().map(|port| u32::from(*port)).collect::<Vec<_>>());
    let texts = |name: &str, texts: &[String]| texts.iter().map(|text| format!("--{name}={text}")).collect::<Vec<_>>();
    [
        numbers("pid", &args.pid),
        texts("comm", &args.comm),
        texts("exe", &args.exe),
        texts("user", &args.user),
        texts("container", &args.container),
        texts("cgroup", &args.cgroup),
        ports("listen", &args.listen),
        ports("port", &args.port),
        if args.children { vec!["--children".to_owned()] } else { Vec::new() },
        texts("exclude-comm", &args.exclude_comm),
        ports("exclude-port", &args.exclude_port),
        texts("protocol", &args.protocol),
    ]
    .concat()
}

fn files(args: &ExploreArgs, live: &Live) -> Result<Files, Failure> {
    if !live.command.is_empty() {
        return Err(Failure::usage("--read looks at files: a COMMAND cannot be watched at the same time"));
    }
    if live.options.targets != Targets::default() {
        return Err(Failure::usage(
            "--pid, --comm and the like choose what to watch live; over files say it in the query\n\n\
             try: -q 'http where pid = 42'",
        ));
    }
    if args.read.iter().filter(|path| is_dash(path)).count() > 1 {
        return Err(Failure::usage("`-` (stdin) can be read only once"));
    }
    if args.record.is_some() && args.read.len() > 1 {
        return Err(Failure::usage(
            "--record holds one session: several files are several\n\ntry: --snapshot FILE.parquet to keep their rows together",
        ));
    }
    Ok(Files { paths: args.read.clone(), tls_keys: args.tls_keys.clone() })
}

fn explore(
    args: ExploreArgs,
    input: Input,
    config: Config,
    place: Place,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Explore, Failure> {
    if args.tls_keys.is_some() && !matches!(input, Input::Files(_)) {
        return Err(Failure::usage(
            "--tls-keys opens captures; live, plaintext comes from the TLS libraries themselves\n\n\
             try: explore --read FILE --tls-keys KEYS",
        ));
    }
    let asked = otlp::Asked {
        endpoint: args.otlp.clone(),
        keep: args.otlp_keep.clone(),
        query_text: args.otlp_query_text,
        db_server: args.otlp_db_server,
        listen: args.metrics_listen.clone(),
    };
    let otlp = otlp::Settings::read(&asked, environment).map_err(Failure::usage)?;
    let filters = filters(&args);
    let view = view(&args, &input, place)?;
    let output = output(&args, &view, place)?;
    if args.limit.is_some() && !matches!(&view, View::Query(query) if query.is_streaming()) {
        return Err(Failure::usage(
            "--limit counts rows as they stream: a query that sorts or sums up has one result at its end\n\n\
             try: `| take N` at the end of the query",
        ));
    }
    let protocols = match args.protocol.is_empty() {
        true => None,
        false => Some(protocols(&args.protocol)?),
    };
    let tracker = tracker::Config {
        body: to_usize(args.body),
        protocols,
        redact: !args.no_redact,
        rules: config.rules,
        keep_binary: args.keep_binary,
        routes: patterns("--route", &args.route)?,
        ignored_routes: patterns("--ignore-route", &args.ignore_route)?,
        ..tracker::Config::default()
    };
    let color = color(&args, place);
    Ok(Explore {
        input,
        view,
        output,
        keep: Keep { tracker, memory: args.memory, retain: args.retain },
        run_for: args.run_for,
        limit: args.limit,
        exit_status: args.exit_status,
        fail_on_loss: args.fail_on_loss,
        coverage: match args.coverage {
            CoverageArg::Text => CoverageStyle::Text,
            CoverageArg::Json => CoverageStyle::Json,
            CoverageArg::None => CoverageStyle::None,
        },
        ready_file: args.ready_file,
        snapshot: args.snapshot,
        record: args.record,
        force: args.force,
        mouse: args.mouse,
        ascii: args.ascii,
        color,
        verbose: args.verbose,
        log: args.log,
        otlp,
        saved: config.queries,
        filters,
    })
}

/// Whether stderr is painted.
fn color(args: &ExploreArgs, place: Place) -> bool {
    match args.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => place.terminals.stderr && !place.no_color && !place.dumb,
    }
}

/// A drawn error without its first word, which the program says itself.
fn wrong_query(drawn: &str) -> Failure {
    let plain = drawn.strip_prefix("error: ").or_else(|| drawn.strip_prefix("\x1b[1;31merror\x1b[0m: "));
    Failure::usage(plain.unwrap_or(drawn).trim_end())
}

fn view(args: &ExploreArgs, input: &Input, place: Place) -> Result<View, Failure> {
    if args.dry_run {
        return match input {
            Input::Files(_) => {
                Err(Failure::usage("--dry-run says what a live capture would use; --read uses nothing of it"))
            }
            _ => Ok(View::DryRun),
        };
    }
    if let Some(text) = &args.query {
        let query =
            query::Query::parse(text).map_err(|error| wrong_query(&error.render(text, 100, color(args, place))))?;
        return Ok(View::Query(query));
    }
    // Somewhere the rows go, even if nobody looks at them.
    let written =
        args.snapshot.is_some() || args.record.is_some() || args.otlp.is_some() || args.metrics_listen.is_some();
    if args.headless || (written && matches!(input, Input::Files(_))) {
        return Ok(View::Headless);
    }
    if !place.terminals.stdout {
        return match written || has_command(input) {
            true => Ok(View::Headless),
            false => Err(Failure::usage(
                "the screens need a terminal on stdout\n\ntry: -q QUERY to print rows, such as -q 'http where status >= 500', or --headless",
            )),
        };
    }
    if place.dumb {
        return Err(Failure::usage(
            "the screens need a terminal that can move its cursor (TERM=dumb cannot)\n\n\
             try: -q 'requests' to print rows, or TERM=xterm if yours can after all",
        ));
    }
    Ok(View::Screen)
}

fn has_command(input: &Input) -> bool {
    matches!(input, Input::Live(live) if !live.command.is_empty())
}

fn output(args: &ExploreArgs, view: &View, place: Place) -> Result<Output, Failure> {
    let to_file = args.output.as_ref().is_some_and(|path| !is_dash(path));
    let terminal = place.terminals.stdout && !to_file;
    let format = match args.format {
        Some(FormatArg::Table) => Format::Table,
        Some(FormatArg::Json) => Format::Json,
        Some(FormatArg::Csv) => Format::Csv,
        Some(FormatArg::Parquet) => Format::Parquet,
        Some(FormatArg::Arrow) => Format::Arrow,
        None if terminal => Format::Table,
        None => Format::Json,
    };
    if !matches!(view, View::Query(_)) && (args.format.is_some() || args.output.is_some() || args.exit_status) {
        return Err(Failure::usage(
            "--format, -o and -e are about the rows of a query\n\ntry: -q QUERY, or --snapshot FILE to keep everything",
        ));
    }
    if format.is_binary() && terminal && matches!(view, View::Query(_)) {
        return Err(Failure::usage("a terminal cannot show parquet or arrow\n\ntry: -o FILE, or a pipe"));
    }
    Ok(Output { format, file: args.output.clone().filter(|_| to_file), terminal })
}

/// Route patterns, or where the first wrong one is wrong.
fn patterns(option: &str, texts: &[String]) -> Result<Vec<Pattern>, Failure> {
    let parse = |text: &String| {
        Pattern::parse(text).map_err(|error| {
            Failure::usage(format!("{option} is no route\n  {text}\n  {}^ {}", " ".repeat(error.at), error.what))
        })
    };
    texts.iter().map(parse).collect()
}

fn protocols(names: &[String]) -> Result<Vec<String>, Failure> {
    for name in names {
        if !PROTOCOLS.contains(&name.as_str()) {
            return Err(Failure::usage(format!(
                "no protocol is called `{name}`\n\n--protocol takes {}",
                PROTOCOLS.join(", ")
            )));
        }
    }
    Ok(names.to_vec())
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

const PROTOCOLS: [&str; 5] = ["http", "grpc", "pgsql", "dns", "tls"];
