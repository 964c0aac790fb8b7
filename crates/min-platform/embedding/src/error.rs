//! What functions return, and what they say besides.

use alloc::string::String;
use core::ffi::{c_char, c_int};
use core::fmt::{self, Display, Write};

use wasmtime::{Error, OutOfMemory, Trap, UnknownImportError};

/// It worked.
pub const CWASM_OK: c_int = 0;
/// A pointer is null, or not aligned.
pub const CWASM_NULL: c_int = 1;
/// An argument makes no sense.
pub const CWASM_ARGUMENT: c_int = 2;
/// `cwasm_init` was not called.
pub const CWASM_NOT_READY: c_int = 3;
/// This build lacks the feature for it.
pub const CWASM_UNSUPPORTED: c_int = 4;
/// The bytes are no artifact, or not one of a module.
pub const CWASM_NOT_AN_ARTIFACT: c_int = 5;
/// The artifact was cut short or changed.
pub const CWASM_DAMAGED: c_int = 6;
/// The artifact was made by another version, or by somebody else.
pub const CWASM_VERSION: c_int = 7;
/// The artifact was compiled with another profile.
pub const CWASM_PROFILE: c_int = 8;
/// The artifact is for another target.
pub const CWASM_TARGET: c_int = 9;
/// The artifact needs what this CPU, or this build on it, lacks.
pub const CWASM_CPU: c_int = 10;
/// The artifact does not load for another reason.
pub const CWASM_INCOMPATIBLE: c_int = 11;
/// There is no memory left for it. Where a new instance gets none of the platform's virtual memory, the code is `CWASM_INSTANTIATE`.
pub const CWASM_MEMORY: c_int = 12;
/// An import is not defined.
pub const CWASM_IMPORT: c_int = 13;
/// The module can't be instantiated for another reason: an import has another type, a limit is in the way, there is no memory.
pub const CWASM_INSTANTIATE: c_int = 14;
/// There is no export of this name and kind.
pub const CWASM_EXPORT: c_int = 15;
/// Number or types of values differ from the function's.
pub const CWASM_TYPE: c_int = 16;
/// The range is not in the memory.
pub const CWASM_BOUNDS: c_int = 17;
/// The instance is running: in a host function use its `cwasm_caller`.
pub const CWASM_BUSY: c_int = 18;
/// The guest trapped: `trap` says how.
pub const CWASM_TRAP: c_int = 19;
/// A host function failed: `host` is what it returned.
pub const CWASM_HOST: c_int = 20;
/// Anything else.
pub const CWASM_FAILED: c_int = 21;

/// No trap.
pub const CWASM_TRAP_NONE: c_int = 0;
/// `unreachable` was reached.
pub const CWASM_TRAP_UNREACHABLE: c_int = 1;
/// An access beyond the end of a memory.
pub const CWASM_TRAP_MEMORY: c_int = 2;
/// An access beyond the end of a table.
pub const CWASM_TRAP_TABLE: c_int = 3;
/// A call of a null reference.
pub const CWASM_TRAP_NULL: c_int = 4;
/// An indirect call of a function of another type.
pub const CWASM_TRAP_SIGNATURE: c_int = 5;
/// An integer does not fit.
pub const CWASM_TRAP_OVERFLOW: c_int = 6;
/// A division by zero.
pub const CWASM_TRAP_DIVISION: c_int = 7;
/// A float that is no integer, or too large to be one.
pub const CWASM_TRAP_CONVERSION: c_int = 8;
/// The stack is full.
pub const CWASM_TRAP_STACK: c_int = 9;
/// All fuel is used.
pub const CWASM_TRAP_FUEL: c_int = 10;
/// The epoch's deadline has passed.
pub const CWASM_TRAP_EPOCH: c_int = 11;
/// Any other.
pub const CWASM_TRAP_OTHER: c_int = 12;

/// Bytes of a message, with its end.
pub const CWASM_MESSAGE: usize = 244;

/// What went wrong. Nothing in it has to be freed.
#[repr(C)]
pub struct cwasm_error {
    /// What the function returned, `CWASM_…`.
    pub code: c_int,
    /// `CWASM_TRAP_…`, if the code is `CWASM_TRAP`.
    pub trap: c_int,
    /// What the host function returned, if the code is `CWASM_HOST`.
    pub host: c_int,
    /// The same for people, cut where it is too long; ends in a zero byte.
    pub message: [c_char; CWASM_MESSAGE],
}

/// The same while it is ours. Most kinds take no memory.
pub enum Failure {
    Text(c_int, &'static str),
    Named(c_int, &'static str, String),
    /// With the code where it is nothing special.
    Wasmtime(c_int, Error),
}

impl Failure {
    pub fn null(name: &'static str) -> Failure {
        Failure::Text(CWASM_NULL, name)
    }
    /// Code, trap and what a host function returned.
    fn codes(&self) -> (c_int, c_int, c_int) {
        match self {
            Failure::Text(code, _) | Failure::Named(code, ..) => (*code, CWASM_TRAP_NONE, 0),
            Failure::Wasmtime(code, error) => {
                if let Some(trap) = error.downcast_ref::<Trap>() {
                    (CWASM_TRAP, number(*trap), 0)
                } else if let Some(HostError(host)) = error.downcast_ref() {
                    (CWASM_HOST, CWASM_TRAP_NONE, *host)
                } else if error.is::<OutOfMemory>() || error.is::<alloc::collections::TryReserveError>() {
                    (CWASM_MEMORY, CWASM_TRAP_NONE, 0)
                } else if error.is::<UnknownImportError>() {
                    (CWASM_IMPORT, CWASM_TRAP_NONE, 0)
                } else if error.is::<WrongResults>() {
                    (CWASM_TYPE, CWASM_TRAP_NONE, 0)
                } else {
                    (*code, CWASM_TRAP_NONE, 0)
                }
            }
        }
    }
}
impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Text(CWASM_NULL, name) => write!(f, "{name} is null or not aligned"),
            Failure::Text(_, text) => f.write_str(text),
            Failure::Named(_, text, name) => write!(f, "{text}: {name}"),
            Failure::Wasmtime(_, error) => write!(f, "{error:#}"),
        }
    }
}

/// What a host function returned instead of 0, on its way through the guest.
#[derive(Debug)]
pub struct HostError(pub c_int);
impl Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a host function failed with {}", self.0)
    }
}
impl core::error::Error for HostError {}

/// What it left where its results belong, on the same way.
#[derive(Debug)]
pub struct WrongResults;
impl Display for WrongResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function left results of other types")
    }
}
impl core::error::Error for WrongResults {}

fn number(trap: Trap) -> c_int {
    match trap {
        Trap::UnreachableCodeReached => CWASM_TRAP_UNREACHABLE,
        Trap::MemoryOutOfBounds => CWASM_TRAP_MEMORY,
        Trap::TableOutOfBounds => CWASM_TRAP_TABLE,
        Trap::IndirectCallToNull => CWASM_TRAP_NULL,
        Trap::BadSignature => CWASM_TRAP_SIGNATURE,
        Trap::IntegerOverflow => CWASM_TRAP_OVERFLOW,
        Trap::IntegerDivisionByZero => CWASM_TRAP_DIVISION,
        Trap::BadConversionToInteger => CWASM_TRAP_CONVERSION,
        Trap::StackOverflow => CWASM_TRAP_STACK,
        Trap::OutOfFuel => CWASM_TRAP_FUEL,
        Trap::Interrupt => CWASM_TRAP_EPOCH,
        _ => CWASM_TRAP_OTHER,
    }
}

/// Runs the body of a function of the ABI and says how it went. `error` may be null.
pub fn report(error: *mut cwasm_error, body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    let Err(failure) = body() else { return CWASM_OK };
    let (code, trap, host) = failure.codes();
    if !error.is_null() && error.is_aligned() {
        let mut bytes = [0; CWASM_MESSAGE];
        let mut text = Text::new(&mut bytes[..CWASM_MESSAGE - 1]);
        let _ = write!(text, "{failure}");
        let message = bytes.map(|byte| byte as c_char);
        // SAFETY: the header says what it must point to.
        unsafe {
            error.write(cwasm_error {
                code,
                trap,
                host,
                message,
            });
        }
    }
    code
}

/// Text in bytes that are there; what does not fit is left out, whole characters at a time.
pub struct Text<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Text<'a> {
    pub fn new(bytes: &'a mut [u8]) -> Text<'a> {
        Text { bytes, len: 0 }
    }
    pub fn len(&self) -> usize {
        self.len
    }
}
impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let space = self.bytes.len() - self.len;
        let fits = text.floor_char_boundary(space);
        self.bytes[self.len..self.len + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
