//! Which TLS library a file is or holds, and the hooks that read its plaintext.

use std::collections::HashMap;
use std::path::Path;

use protocols::event::Source;

use crate::tls::image::{Function, Image, open};
use crate::tls::{Call, Exit, Hook, golang, sites};

/// A TLS library, with what is to be hooked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Which.
    pub source: Source,
    /// As it names itself, such as `OpenSSL 3.0.17`, else null.
    pub version: Option<String>,
    /// GNU build id, hex.
    pub build_id: Option<String>,
    /// What to hook; never empty.
    pub hooks: Vec<Hook>,
}

impl Library {
    /// As the library names itself, else as the libcrypto beside it does, else `build id …`.
    #[must_use]
    pub fn version_with(&self, crypto: Option<&Path>) -> Option<String> {
        let beside = || {
            let data = open(crypto?).ok()?;
            versions(&Image::parse(&data).ok()?)
        };
        let build_id = || self.build_id.as_ref().map(|id| format!("build id {id}"));
        self.version.clone().or_else(beside).or_else(build_id)
    }
}

/// Why a file's TLS cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It holds no TLS library that explore knows.
    NoLibrary,
    /// It is a TLS library, or holds one, but there is nothing to find its functions by.
    NoSymbols(String),
    /// It may not be opened.
    Denied,
    /// It cannot be read.
    Unreadable(String),
}

const OPENSSL: [(&str, Call); 8] = [
    ("SSL_read", Call::Read),
    ("SSL_write", Call::Write),
    ("SSL_read_ex", Call::ReadCounted),
    ("SSL_write_ex", Call::WriteCounted),
    // Over kernel TLS only, since 3.0.
    ("SSL_sendfile", Call::SendFile),
    ("SSL_do_handshake", Call::Handshake),
    // Takes the records of the other side's farewell, which would otherwise be taken for the next connection's.
    ("SSL_shutdown", Call::Handshake),
    ("SSL_free", Call::Free),
];

const GNUTLS: [(&str, Call); 5] = [
    ("gnutls_record_recv", Call::Read),
    ("gnutls_record_send2", Call::Write),
    ("gnutls_record_send", Call::Write),
    ("gnutls_handshake", Call::Handshake),
    ("gnutls_deinit", Call::Free),
];

const GO: [(&str, Call); 2] = [("crypto/tls.(*Conn).Read", Call::GoRead), ("crypto/tls.(*Conn).Write", Call::GoWrite)];

/// Functions that give away a library which is not read.
const NOT_READ: [(&str, &str); 5] = [
    ("JNI_CreateJavaVM", "Java's own TLS (JSSE) is not read; netty-tcnative's is"),
    ("SSL_ImportFD", "NSS is not read"),
    ("mbedtls_ssl_read", "Mbed TLS is not read"),
    ("wolfSSL_read", "wolfSSL is not read"),
    ("s2n_recv", "s2n-tls is not read"),
];

/// Looks into an executable or shared object.
///
/// # Errors
/// [`Refusal`] says why there is nothing to hook.
pub fn inspect(path: &Path) -> Result<Library, Refusal> {
    let data = open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Refusal::Denied,
        _ => Refusal::Unreadable(error.to_string()),
    })?;
    let image = Image::parse(&data).map_err(Refusal::Unreadable)?;
    if let Some(version) = golang::version(&image) {
        return go(&image, version);
    }
    let names: Vec<&'static str> = OPENSSL.iter().chain(&GNUTLS).map(|(name, _)| *name).collect();
    let functions = image.functions(&names);
    if functions.contains_key("SSL_read") && functions.contains_key("SSL_write") {
        return openssl(&image, &functions);
    }
    if functions.contains_key("gnutls_record_recv") {
        return gnutls(&image, &functions);
    }
    if let Some(version) = rustls_version(&image) {
        return rustls(&image, version);
    }
    Err(not_read(&image).map_or(Refusal::NoLibrary, |reason| Refusal::NoSymbols(reason.to_owned())))
}

/// Why the TLS library in this file is not read; null where there is none.
fn not_read(image: &Image<'_>) -> Option<&'static str> {
    let known = image.functions(&NOT_READ.map(|(name, _)| name));
    if let Some((_, reason)) = NOT_READ.iter().find(|(name, _)| known.contains_key(name)) {
        return Some(reason);
    }
    // libcrypto names its version too: only a library with TLS's own strings is one.
    let is_openssl = image.version("OpenSSL ").or_else(|| image.version("AWS-LC ")).is_some()
        && (image.contains(b"ssl3_read_bytes\0") || image.contains(b"ssl_read_internal\0"));
    if is_openssl {
        return Some("static OpenSSL, no symbols");
    }
    // It has no version, but its errors name the source file they come from.
    image.contains(b"/ssl/ssl_lib.cc\0").then_some("static BoringSSL, no symbols")
}

fn openssl(image: &Image<'_>, functions: &HashMap<&'static str, Function>) -> Result<Library, Refusal> {
    let version = versions(image);
    let boring = version.as_ref().is_some_and(|version| version.starts_with("AWS-LC "))
        || image.has_symbol(|name| {
            name.contains("BORINGSSL") || name.starts_with("AWSLC_") || name == "SSL_CTX_set_grease_enabled"
        });
    let mut hooks = Vec::new();
    for (names, inner) in
        [(["SSL_read", "SSL_read_ex"], Call::ReadCounted), (["SSL_write", "SSL_write_ex"], Call::WriteCounted)]
    {
        match inner_function(image, functions, names) {
            Some(address) => hooks.extend(hook(image, names[0], inner, Function { address, len: 0 })),
            None => hooks.extend(
                OPENSSL
                    .iter()
                    .filter(|(name, _)| names.contains(name))
                    .filter_map(|(name, call)| hook(image, name, *call, *functions.get(name)?)),
            ),
        }
    }
    let rest = OPENSSL.iter().filter(|(_, call)| matches!(call, Call::SendFile | Call::Handshake | Call::Free));
    hooks.extend(rest.filter_map(|(name, call)| hook(image, name, *call, *functions.get(name)?)));
    library(image, if boring { Source::BoringSsl } else { Source::OpenSsl }, version, hooks)
}

/// As OpenSSL and its descendants name themselves.
fn versions(image: &Image<'_>) -> Option<String> {
    ["OpenSSL ", "LibreSSL ", "AWS-LC "].iter().find_map(|prefix| image.version(prefix))
}

/// The function that both wrappers of a direction call, if it is cheap to hook.
fn inner_function(
    image: &Image<'_>,
    functions: &HashMap<&'static str, Function>,
    names: [&'static str; 2],
) -> Option<u64> {
    let [plain, counted] = names.map(|name| {
        let function = *functions.get(name)?;
        sites::inner_call(image.machine(), &image.code(function)?, function.address)
    });
    let inner = plain.filter(|inner| counted == Some(*inner))?;
    sites::is_emulated(image.machine(), &image.bytes(inner, 16)?, inner).then_some(inner)
}

fn gnutls(image: &Image<'_>, functions: &HashMap<&'static str, Function>) -> Result<Library, Refusal> {
    // `gnutls_record_send` ends in a jump to `gnutls_record_send2`: hooking both would count each write twice.
    let skip = functions.contains_key("gnutls_record_send2").then_some("gnutls_record_send");
    let hooks = GNUTLS.iter().filter(|(name, _)| Some(*name) != skip);
    let hooks = hooks.filter_map(|(name, call)| hook(image, name, *call, *functions.get(name)?)).collect();
    library(image, Source::GnuTls, image.version("GnuTLS "), hooks)
}

fn go(image: &Image<'_>, version: String) -> Result<Library, Refusal> {
    let functions = golang::functions(image, &GO.map(|(name, _)| name));
    if functions.is_empty() {
        // The linker drops what is not called: a Go program without crypto/tls.
        return Err(Refusal::NoLibrary);
    }
    let hooks = functions.into_iter().filter_map(|(name, function)| {
        let (_, call) = *GO.iter().find(|(known, _)| *known == name)?;
        let start = image.file_offset(function.address)?;
        let code = image.code(function)?;
        let place = |offset| start.saturating_add(offset);
        let entry = place(sites::stack_check(image.machine(), &code, function.address).unwrap_or(0));
        let returns = sites::returns(image.machine(), &code, function.address)?.into_iter().map(place).collect();
        Some(Hook { symbol: name, call, start, entry, exit: Exit::Instructions(returns) })
    });
    library(image, Source::Go, Some(version), hooks.collect())
}

/// rustls names its version in the paths of its sources, which stay in stripped programs too.
fn rustls_version(image: &Image<'_>) -> Option<String> {
    let (_, constants) = image.section(&[".rodata"])?;
    memchr::memmem::find_iter(&constants, "/rustls-0.").find_map(|at| {
        let text = constants.get(at.checked_add("/rustls-".len())?..)?;
        let number = text.get(..text.iter().take(24).position(|byte| *byte == b'/')?)?;
        let sources = text.get(number.len()..)?.starts_with(b"/src/");
        let number = std::str::from_utf8(number).ok().filter(|number| number.matches('.').count() == 2)?;
        sources.then(|| number.to_owned())
    })
}

/// Rust passes these functions' arguments as C does; what they are is that of 0.23.
fn rustls(image: &Image<'_>, version: String) -> Result<Library, Refusal> {
    if !version.starts_with("0.23.") {
        return Err(Refusal::NoSymbols(format!("rustls {version}: only 0.23 is known")));
    }
    let wanted = [
        ("rustls::CommonState::take_received_plaintext", "11CommonState23take_received_plaintext", Call::RustlsRead),
        ("rustls::CommonState::buffer_plaintext", "11CommonState16buffer_plaintext", Call::RustlsWrite),
    ];
    let mut hooks = Vec::new();
    for (symbol, mangled, call) in wanted {
        let found = image.functions_where(|name| name.contains("6rustls12common_state") && name.contains(mangled));
        let exit = if call == Call::RustlsWrite { Exit::Return } else { Exit::None };
        let hook = |function: Function| {
            let start = image.file_offset(function.address)?;
            Some(Hook { symbol, call, start, entry: start, exit: exit.clone() })
        };
        hooks.extend(found.into_iter().filter_map(hook));
    }
    if !wanted.iter().all(|(_, _, call)| hooks.iter().any(|hook| hook.call == *call)) {
        let symbols = image.has_symbol(|name| name.contains("6rustls"));
        let why = if symbols { "its functions are inlined" } else { "static, no symbols" };
        return Err(Refusal::NoSymbols(format!("rustls {version}: {why}")));
    }
    library(image, Source::Rustls, Some(format!("rustls {version}")), hooks)
}

fn library(image: &Image<'_>, source: Source, version: Option<String>, hooks: Vec<Hook>) -> Result<Library, Refusal> {
    if hooks.is_empty() {
        return Err(Refusal::NoSymbols("its functions are not in the file's loaded part".to_owned()));
    }
    Ok(Library { source, version, build_id: image.build_id(), hooks })
}

fn hook(image: &Image<'_>, symbol: &'static str, call: Call, function: Function) -> Option<Hook> {
    let exit = if call == Call::Free { Exit::None } else { Exit::Return };
    let start = image.file_offset(function.address)?;
    Some(Hook { symbol, call, start, entry: start, exit })
}
