//! Makes WebAssembly modules that their host can stop at any time, at next to no cost.
//!
//! [`interruptible`] gives a module one more import, a memory of one page, and puts a *check* at the head of each loop and at the
//! entry of each function that calls: it reads a byte of that page and drops it. As long as the page is there this is one load from the
//! cache, off every path that matters. Who wants to stop the guest takes the page away (`mprotect`), and the next check faults, which is
//! an ordinary trap. Where faults can't be caught a check looks whether the byte is still 0 ([`Form::Flag`]).
//!
//! No guest runs for ever between two checks: that takes a loop or a cycle of calls, and each has one ([`checks`] looks at a module
//! whether that is so).
//!
//! Everything that can be seen of a module stays as it was, save for that import, the last one: the indices of functions, tables and
//! globals too. Code moves, and [`Positions`] says where from.

mod check;
mod code;
mod positions;
mod rewrite;
mod verify;

use std::fmt;

pub use positions::Positions;
pub use verify::{Checks, checks};

/// How many bytes the memory has: one page, all of which the host must take away, or set.
pub const PAGE: usize = 1 << 16;

/// How a guest is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The page is taken away: a check traps as an access out of bounds does.
    Fault,
    /// Each byte of the page is set to 1: a check traps as `unreachable` does.
    Flag,
}

/// What the checks are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How a guest is stopped.
    pub form: Form,
    /// The module and the name by which the memory is imported. Nothing else may come from that module.
    pub import: (&'static str, &'static str),
}

/// A module with checks.
pub struct Interruptible {
    /// The binary.
    pub wasm: Vec<u8>,
    /// Where its code comes from.
    pub positions: Positions,
    /// Where the body of each function it defines begins in the original, in order.
    pub starts: Vec<u32>,
}

/// Puts checks into a module, which has been found valid.
pub fn interruptible(wasm: &[u8], options: Options) -> Result<Interruptible, Error> {
    rewrite::module(wasm, options)
}

/// Why a module can't have checks.
#[derive(Debug)]
pub enum Error {
    /// It is not valid, or something newer than this crate.
    Invalid(String),
    /// With its checks this function, by its index among those that are defined, would be larger than functions may be.
    TooLarge {
        /// Which one.
        function: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(what) => f.write_str(what),
            Error::TooLarge { function } => write!(
                f,
                "function {function} of the code section has no room left for what makes it interruptible"
            ),
        }
    }
}
impl std::error::Error for Error {}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Error {
        Error::Invalid(error.to_string())
    }
}
