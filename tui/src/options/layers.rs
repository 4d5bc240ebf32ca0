//! Flags over environment over configuration file over defaults.
//!
//! The lower layers are turned into arguments and put in front of what was typed, for the options that were not typed:
//! whatever a flag accepts, the environment and the file accept too.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::cli::{Cli, ExploreArgs};
use super::config::{self, Config};
use protocols::route::Pattern;

/// The command line with the layers below it, and what else the configuration file says.
pub(super) struct Layered {
    pub(super) cli: Cli,
    pub(super) config: Config,
}

/// Why the command line, the environment or the file is wrong.
#[derive(Debug)]
pub(super) enum Wrong {
    /// As clap says it (also help and version).
    Clap(clap::Error),
    /// In the environment or the file.
    Layer(String),
}

impl From<clap::Error> for Wrong {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Reads all layers. `environment` gives the value of a variable.
pub(super) fn read(argv: &[OsString], environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Layered, Wrong> {
    let command = Cli::command();
    let matches = command.clone().try_get_matches_from(argv)?;
    let (options, insert_at) = match matches.subcommand() {
        None => (&matches, 1),
        Some(("demo", sub)) => (sub, 2),
        Some(_) => return Ok(Layered { cli: Cli::from_arg_matches(&matches)?, config: Config::default() }),
    };
    let environment_config = environment("EXPLORE_CONFIG");
    let path = match typed(options, "config") {
        true => options.get_one::<std::path::PathBuf>("config").cloned(),
        false => environment_config.map(Into::into),
    };
    let config = match &path {
        Some(path) => config::read(path).map_err(Wrong::Layer)?,
        None => Config::default(),
    };
    let mut lower = Vec::new();
    for argument in command.get_arguments() {
        let Some(long) = argument.get_long() else { continue };
        if typed(options, argument.get_id().as_str()) || matches!(long, "help" | "version" | "config") {
            continue;
        }
        let variable = format!("EXPLORE_{}", long.replace('-', "_").to_uppercase());
        if let Some(value) = environment(&variable).filter(|value| !value.is_empty()) {
            let tokens = from_environment(argument, long, &value);
            check(&tokens, &|error| format!("{variable}={}: {error}", value.display()))?;
            lower.extend(tokens);
        } else if let Some(setting) = config.settings.iter().find(|setting| setting.name == long) {
            let tokens: Vec<_> = setting.values.iter().flat_map(|value| from_text(argument, long, value)).collect();
            check(&tokens, &|error| config::at(path.as_deref().unwrap_or(Path::new("")), &config, setting.at, error))?;
            lower.extend(tokens);
        }
    }
    if let Some(unknown) = config.settings.iter().find(|setting| !is_option(&command, &setting.name)) {
        let message = format!("no option is called `{}`{}", unknown.name, nearest(&command, &unknown.name));
        return Err(Wrong::Layer(config::at(path.as_deref().unwrap_or(Path::new("")), &config, unknown.at, &message)));
    }
    let mut all = argv.to_vec();
    all.splice(insert_at..insert_at, lower);
    let matches = command.try_get_matches_from(all)?;
    Ok(Layered { cli: Cli::from_arg_matches(&matches)?, config })
}

fn typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn is_option(command: &clap::Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(name)) && !matches!(name, "help" | "version")
}

/// The option whose name begins alike, as a hint.
fn nearest(command: &clap::Command, name: &str) -> String {
    let alike = |long: &str| long.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    let best = command.get_arguments().filter_map(clap::Arg::get_long).max_by_key(|long| alike(long));
    match best.filter(|long| alike(long) >= 2) {
        Some(long) => format!("; is `{long}` meant?"),
        None => "; the names are those of the options, see `explore --help`".to_owned(),
    }
}

/// Arguments for an environment variable; lists are cut at commas.
fn from_environment(argument: &clap::Arg, long: &str, value: &OsStr) -> Vec<OsString> {
    let list = matches!(argument.get_action(), ArgAction::Append);
    match value.to_str() {
        Some(text) if list && argument.get_value_delimiter().is_none() => {
            text.split(',').flat_map(|part| from_text(argument, long, part)).collect()
        }
        Some(text) => from_text(argument, long, text),
        None => vec![flag_with(long, value)],
    }
}

/// Arguments for one value as text; switches take true and false.
fn from_text(argument: &clap::Arg, long: &str, value: &str) -> Vec<OsString> {
    match argument.get_action() {
        ArgAction::SetTrue => match value {
            "true" | "1" | "yes" | "on" => vec![format!("--{long}").into()],
            "false" | "0" | "no" | "off" => Vec::new(),
            _ => vec![flag_with(long, OsStr::new(value))],
        },
        ArgAction::Count => match value.parse::<usize>() {
            Ok(times) => vec![format!("--{long}").into(); times.min(9)],
            Err(_) => vec![flag_with(long, OsStr::new(value))],
        },
        _ => vec![flag_with(long, OsStr::new(value))],
    }
}

fn flag_with(long: &str, value: &OsStr) -> OsString {
    let mut token = OsString::from(format!("--{long}="));
    token.push(value);
    token
}

/// Tries arguments by themselves, so that an error can name the layer that they come from.
fn check(tokens: &[OsString], place: &dyn Fn(&str) -> String) -> Result<(), Wrong> {
    let argv = std::iter::once(OsString::from("explore")).chain(tokens.iter().cloned());
    match Cli::command().try_get_matches_from(argv) {
        Ok(matches) => match Cli::from_arg_matches(&matches).ok().and_then(|cli| wrong_text(&cli)) {
            Some(what) => Err(Wrong::Layer(place(&what))),
            None => Ok(()),
        },
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(Wrong::Layer(place(first.trim_start_matches("error: "))))
        }
    }
}

/// What is wrong with texts in languages of their own: patterns and queries.
fn wrong_text(cli: &Cli) -> Option<String> {
    let ExploreArgs { route, ignore_route, query, .. } = &cli.explore;
    let mut patterns = route.iter().chain(ignore_route);
    let pattern = patterns.find_map(|text| Some(format!("`{}`: {}", start(text), Pattern::parse(text).err()?.what)));
    let query = query.as_deref();
    let query = || query.and_then(|text| Some(format!("`{}`: {}", start(text), query::Query::parse(text).err()?)));
    pattern.or_else(query)
}

/// As much of `text` as a message has room for.
fn start(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(80).collect();
    if chars.next().is_some() { start + "…" } else { start }
}
