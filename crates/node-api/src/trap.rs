//! What Wasmtime reports, as one of our errors.

use std::fmt;

use wasmtime::{ThrownException, Trap, UnknownImportError, WasmBacktrace};

use crate::error::{Error, Failure, Field};
use crate::page::Page;
use crate::{gc, interruption, wasi};

/// A host function ended with a JavaScript exception, which is pending in the environment.
#[derive(Debug)]
pub struct Thrown;

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function threw")
    }
}
impl std::error::Error for Thrown {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
impl std::error::Error for Error {}

/// A check has found that its guest must end.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

/// What has come out of a guest whose checks read this page.
pub fn of_guest(error: wasmtime::Error, page: Option<&Page>) -> wasmtime::Error {
    match page {
        Some(page) if page.has_ended(&error) => error.context(Stopped),
        _ => error,
    }
}

/// One of our errors on its way through wasm.
pub fn error(error: Error) -> wasmtime::Error {
    wasmtime::Error::new(error)
}

/// A failure on its way through wasm.
pub fn carry(failure: Failure) -> wasmtime::Error {
    match failure {
        Failure::Thrown => wasmtime::Error::new(Thrown),
        Failure::Error(ours) => error(ours),
        Failure::Raised(_) => error(Error::internal("an exception that nobody was there to take")),
    }
}

/// What came out of wasm, or of anything else that Wasmtime did.
pub fn failure(error: wasmtime::Error) -> Failure {
    if error.is::<Thrown>() {
        return Failure::Thrown;
    }
    let frames = error.downcast_ref::<WasmBacktrace>().map(frames);
    let mut ours = match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(error) => translate(&error),
    };
    if ours.is_trap() {
        ours = ours.with("frames", frames.unwrap_or_else(|| Field::List(Vec::new())));
    }
    ours.into()
}

/// Whether nothing has run, and nothing stays in the store: what was to be made could not be, for lack of something or by a
/// limit. Instances that fail later, with a trap or for want of room for an object, stay.
pub fn is_refusal(error: &wasmtime::Error) -> bool {
    let ran =
        error.is::<WasmBacktrace>() || error.is::<Trap>() || error.is::<ThrownException>() || error.is::<Thrown>();
    let ours = error.downcast_ref::<Error>();
    !ran && !gc::is_full(error) && wasi::exit_code(error).is_none() && ours.is_none_or(|ours| ours.is_trap())
}

fn translate(error: &wasmtime::Error) -> Error {
    if let Some(code) = wasi::exit_code(error) {
        return Error::new("WasiExit", format!("the guest exited with code {code}"))
            .with("exitCode", Field::Number(code.into()));
    }
    if error.is::<ThrownException>() {
        return Error::new("Exception", "");
    }
    if gc::is_full(error) {
        return Error::new("MemoryLimitError", text(error)).with("trapCode", "memoryLimit");
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let is_stopped = error.is::<Stopped>();
        let trap = if is_stopped { &Trap::Interrupt } else { trap };
        let class = match trap {
            Trap::OutOfFuel => "OutOfFuelError",
            Trap::Interrupt => "DeadlineError",
            _ => "Trap",
        };
        return Error::new(class, trap.to_string()).with("trapCode", code(*trap));
    }
    if let Some(import) = error.downcast_ref::<UnknownImportError>() {
        return missing(import.module(), import.name(), crate::types::kind(&import.ty()));
    }
    let text = text(error);
    if let Some(rest) = text.split_once("incompatible import type for `").map(|(_, rest)| rest)
        && let Some((path, why)) = rest.split_once('`')
        && let Some((module, name)) = path.split_once("::")
    {
        let ours = Error::new("LinkError", text.clone())
            .with("module", module)
            .with("name", name);
        return match sides(why) {
            Some((expected, found)) => ours.with("expected", expected).with("found", found),
            None => ours,
        };
    }
    Error::new("WasmtimeError", text)
}

/// What an error and its causes say, without the backtrace of wasm that is one of them.
pub fn text(error: &wasmtime::Error) -> String {
    let sayings = error.chain().map(|cause| cause.to_string());
    let mut text = sayings
        .filter(|saying| !saying.starts_with("error while executing at wasm backtrace"))
        .collect::<Vec<_>>()
        .join(": ");
    // The address space that most profiles set aside for each memory.
    if let Some((_, size)) = text.split_once("failed to reserve 0x")
        && size.bytes().take_while(u8::is_ascii_hexdigit).count() > 8
    {
        text += ". Where address space is scarce (ulimit -v) use the profile 'small-address-space'";
    }
    text
}

/// What Wasmtime expected and what it found, of a sentence that says both.
fn sides(sentence: &str) -> Option<(String, String)> {
    let (_, sides) = sentence.split_once("expected ")?;
    let (expected, found) = [
        ", found ",
        ", but found ",
        ", but received ",
        " doesn't match provided ",
    ]
    .iter()
    .find_map(|between| sides.split_once(between))?;
    Some((expected.replace('`', ""), found.replace('`', "")))
}

/// An import that nobody gave.
pub fn missing(module: &str, name: &str, kind: &str) -> Error {
    Error::new(
        "LinkError",
        format!("the import '{module}'.'{name}' (a {kind}) is missing"),
    )
    .with("module", module)
    .with("name", name)
    .with("expected", kind)
    .with("found", "undefined")
}

/// Wasmtime's name of a trap, in camelCase: `unreachableCodeReached`.
fn code(trap: Trap) -> String {
    let mut name = format!("{trap:?}");
    name[..1].make_ascii_lowercase();
    name
}

fn frames(backtrace: &WasmBacktrace) -> Field {
    let frame = |frame: &wasmtime::FrameInfo| {
        let mut fields = vec![("funcIndex", Field::Number(frame.func_index().into()))];
        if let Some(name) = frame.func_name() {
            fields.push(("funcName", name.into()));
        }
        if let Some(module) = frame.module().name() {
            fields.push(("moduleName", module.into()));
        }
        if let Some(offset) = frame.module_offset() {
            fields.push(("moduleOffset", Field::Number(offset as f64)));
        }
        // Wasmtime knows where the function begins in what it has compiled.
        let offset = match interruption::start_of(frame.module(), frame.func_index()) {
            Some(start) => frame.module_offset().and_then(|at| at.checked_sub(start as usize)),
            None => frame.func_offset(),
        };
        if let Some(offset) = offset {
            fields.push(("funcOffset", Field::Number(offset as f64)));
        }
        if let Some(symbol) = frame.symbols().first() {
            fields.extend(symbol.file().map(|file| ("file", file.into())));
            fields.extend(symbol.line().map(|line| ("line", Field::Number(line.into()))));
            fields.extend(symbol.column().map(|column| ("column", Field::Number(column.into()))));
        }
        Field::Object(fields)
    };
    Field::List(backtrace.frames().iter().map(frame).collect())
}
