//! How a guest's stdin, stdout and stderr are named in options.

use std::fs::{File, OpenOptions};
use std::sync::Arc;

use napi::sys;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use super::device::Device;
use super::input::Input;
use super::options::{WasiFile, WasiOptions, text};
use super::output::To;
use super::streams::Streams;
use crate::bytes::Bytes;
use crate::error::{Error, Field, Result, io_error};
use crate::js::Js;
use crate::options::Options;
use crate::store_core::Core;

/// The functions of JavaScript that take a store's output, for its host table.
pub struct Callbacks(pub [Option<Js>; 2]);

impl Callbacks {
    pub fn bind(self, core: &Core) -> Result<()> {
        for (name, function) in ["stdout", "stderr"].into_iter().zip(self.0) {
            if let Some(function) = function {
                core.table()?.set(name, function)?;
            }
        }
        Ok(())
    }
}

/// Which of a run's stdio are streams or functions of JavaScript, which the facade has taken out of the options: 1 for stdin, 2
/// for stdout, 4 for stderr; 8 where stderr is the same as stdout.
#[derive(Clone, Copy)]
pub struct Streamed(pub u32);

impl Streamed {
    fn is_one(self) -> bool {
        self.0 & 8 != 0
    }
}

/// What stdio is where it is not named, and what JavaScript has of it.
pub enum Stdio<'a> {
    Store(&'a mut Callbacks),
    RunHere(Streamed),
    RunAway(Streamed, Option<Arc<Streams>>),
}

impl Stdio<'_> {
    /// Whether JavaScript has one of a run's.
    fn is_streamed(&self, fd: u32) -> bool {
        match self {
            Stdio::Store(_) => false,
            Stdio::RunHere(Streamed(which)) | Stdio::RunAway(Streamed(which), _) => which & (1 << fd) != 0,
        }
    }
    fn is_inherited_unless_named(&self) -> bool {
        !matches!(self, Stdio::Store(_))
    }

    pub fn input(&self, builder: &mut WasiCtxBuilder, options: &Options<WasiOptions>) -> Result<()> {
        if let (true, Stdio::RunAway(_, Some(streams))) = (self.is_streamed(0), self) {
            builder.stdin(Input::Away(streams.clone()));
            return Ok(());
        }
        let Some(stdin) = options.some("stdin")? else {
            if self.is_inherited_unless_named() {
                inherit_stdin(builder);
            }
            return Ok(());
        };
        if stdin.is_string() {
            match stdin.to_str("stdin")?.as_str() {
                "inherit" => inherit_stdin(builder),
                "ignore" => {}
                text => _ = builder.stdin(MemoryInputPipe::new(text.to_owned())),
            }
        } else if let Some(file) = descriptor(stdin, "stdin")? {
            builder.stdin(Input::Device(Arc::new(Device::File(file))));
        } else if let Some((path, _)) = file(stdin, "stdin")? {
            let file = File::open(&path).map_err(|error| io_error(&error, &path))?;
            builder.stdin(Input::Device(Arc::new(Device::File(file))));
        } else {
            let bytes = Bytes::read(stdin, "stdin")?;
            builder.stdin(MemoryInputPipe::new(bytes.to_vec()));
        }
        Ok(())
    }

    pub fn output(&mut self, options: &Options<WasiOptions>, fd: u32, limit: usize) -> Result<To> {
        if self.is_streamed(fd) {
            return Ok(match self {
                Stdio::RunAway(which, Some(streams)) => To::Away(streams.clone(), if which.is_one() { 1 } else { fd }),
                _ => To::Here,
            });
        }
        let name = if fd == 1 { "stdout" } else { "stderr" };
        let inherit = To::Device(Arc::new(Device::Own(fd)));
        let Some(given) = options.some(name)? else {
            return Ok(if self.is_inherited_unless_named() {
                inherit
            } else {
                To::Nowhere
            });
        };
        if let (Stdio::Store(callbacks), true) = (&mut *self, given.kind() == sys::ValueType::napi_function) {
            callbacks.0[fd as usize - 1] = Some(given);
            return Ok(To::Here);
        }
        if let Some(file) = descriptor(given, name)? {
            return Ok(To::Device(Arc::new(Device::File(file))));
        }
        if let Some((path, append)) = file(given, name)? {
            let mut open = OpenOptions::new();
            let open = open.create(true).append(append).write(true).truncate(!append);
            let file = open.open(&path).map_err(|error| io_error(&error, &path))?;
            return Ok(To::Device(Arc::new(Device::File(file))));
        }
        let choice = if given.is_string() {
            given.to_str(name)?
        } else {
            given.describe()
        };
        match choice.as_str() {
            "inherit" => Ok(inherit),
            "ignore" => Ok(To::Nowhere),
            "capture" => Ok(To::Capture {
                bytes: Vec::new(),
                limit,
            }),
            other => {
                let message = format!(
                    "{name} must be 'inherit', 'ignore', 'capture', {{ file }} or a function, got {other}; streams are for run, \
                     which leaves the JavaScript thread free to serve them"
                );
                Err(Error::type_error(message).into())
            }
        }
    }
}

/// This process's. On Windows Wasmtime has a thread that reads it.
fn inherit_stdin(builder: &mut WasiCtxBuilder) {
    if cfg!(windows) {
        builder.inherit_stdin();
    } else {
        builder.stdin(Input::Device(Arc::new(Device::Own(0))));
    }
}

/// An open file of this process, by its number: the guest has one of its own.
fn descriptor(given: Js, what: &str) -> Result<Option<File>> {
    if given.kind() != sys::ValueType::napi_number {
        return Ok(None);
    }
    let number = given.to_u64(what, i32::MAX as u64)? as i32;
    duplicate(number).map(Some)
}
#[cfg(unix)]
fn duplicate(number: i32) -> Result<File> {
    use std::os::fd::BorrowedFd;
    // SAFETY: borrowed for the call; one that is not open is an error.
    let own = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned();
    own.map(File::from).map_err(|error| {
        let message = format!("EBADF: bad file descriptor, dup: {number} is not open ({error})");
        let error = Error::new("Error", message)
            .with("code", "EBADF")
            .with("syscall", "dup");
        error.with("errno", Field::Number(-9.0)).into()
    })
}
#[cfg(not(unix))]
fn duplicate(_: i32) -> Result<File> {
    Err(Error::type_error("numbers of open files are for POSIX: use { file } here").into())
}

/// The path of a file that is stdio, and whether to append to it.
fn file(given: Js, what: &str) -> Result<Option<(String, bool)>> {
    if given.kind() != sys::ValueType::napi_object || given.get("file")?.is_undefined() {
        return Ok(None);
    }
    let options = Options::<WasiFile>::new(given, what)?;
    let path = text(options.string("file")?.unwrap_or_default(), what)?;
    let append = options.bool("append")?;
    if append.is_some() && what == "stdin" {
        return Err(Error::type_error("stdin.append: a guest's stdin is not written").into());
    }
    Ok(Some((path, append.unwrap_or(false))))
}
