//! `fd_write` to stdout and stderr. Wasmtime's own copies what a guest writes in pieces of 4 KiB, each with a flush; here it goes
//! from the guest's memory to where it belongs.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::pin::pin;

use wasmtime::{AsContextMut, Caller, StoreContextMut, ValRaw};
use wasmtime_wasi::p1::types::{self, Errno};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wiggle::{GuestError, GuestMemory, GuestPtr};

use super::output::Output;
use super::preview1::memory_of;
use super::waiter::Waiter;
use crate::error::Result;
use crate::js::{Js, Scope};
use crate::store_core::{Core, Data};
use crate::trap;

/// Many small pieces are put together, up to so many bytes; and no more is copied for JavaScript at once.
const GATHERED: u32 = 64 << 10;

pub fn fd_write(
    caller: &mut Caller<'_, Data>,
    output: &Output,
    arguments: &[ValRaw],
    fuel: usize,
) -> wasmtime::Result<i32> {
    let [fd, pieces, count, written] = [0, 1, 2, 3].map(|i: usize| arguments[i].get_u32());
    // Pieces are counted as Wasmtime counts them.
    if (count as usize).saturating_mul(size_of::<types::Ciovec>()) > fuel {
        return Ok(Errno::Nomem as i32);
    }
    let waiter = Waiter::of(caller);
    let (memory, _) = memory_of(caller)?;
    let bytes = match gather(&memory, GuestPtr::<types::Ciovec>::new(pieces).as_array(count)) {
        Ok(bytes) => bytes,
        Err(error) => return types::Error::from(error).downcast().map(|errno| errno as i32),
    };
    let result = if bytes.is_empty() {
        Ok(0)
    } else if output.is_here() {
        let bytes = bytes[..bytes.len().min(GATHERED as usize)].to_vec();
        give(caller, fd, &bytes)?;
        Ok(bytes.len())
    } else {
        let result = match waiter.suspends() {
            // The guest's memory is in use while it waits.
            true => {
                let bytes = bytes.into_owned();
                write(&waiter, output, &bytes)?
            }
            false => write(&waiter, output, &bytes)?,
        };
        caller.data().wasi.check_streams()?;
        result
    };
    let count = match result {
        Ok(count) => count as u32,
        Err(error) => return Ok(errno(&error) as i32),
    };
    match memory_of(caller)?.0.write(GuestPtr::new(written), count) {
        Ok(()) => Ok(0),
        Err(error) => types::Error::from(error).downcast().map(|errno| errno as i32),
    }
}

/// The first bytes to write: of one piece all, of several as much as is worth putting together.
fn gather<'a>(
    memory: &'a GuestMemory<'_>,
    pieces: GuestPtr<[types::Ciovec]>,
) -> std::result::Result<Cow<'a, [u8]>, GuestError> {
    let mut gathered = Cow::Borrowed(&[][..]);
    for piece in pieces.iter() {
        // What is wrong with a later piece is for the write that begins with it.
        let piece = match piece.and_then(|piece| memory.read(piece)) {
            Err(_) if !gathered.is_empty() => break,
            piece => piece?,
        };
        if piece.buf_len == 0 {
            continue;
        }
        let most = if memory.is_shared_memory() { GATHERED } else { u32::MAX };
        let piece = piece.buf.as_array(piece.buf_len.min(most));
        if gathered.is_empty() {
            gathered = memory.as_cow(piece)?;
        } else if gathered.len() + piece.len() as usize <= GATHERED as usize {
            match memory.as_cow(piece) {
                Ok(bytes) => gathered.to_mut().extend_from_slice(&bytes),
                Err(_) => break,
            }
        } else {
            break;
        }
    }
    Ok(gathered)
}

/// Writes, and waits for it as long as the guest may.
fn write(waiter: &Waiter, output: &Output, bytes: &[u8]) -> wasmtime::Result<io::Result<usize>> {
    waiter.finish(pin!(async { Ok(output.write(bytes).await) }))
}

/// Has JavaScript take it, which may use the store meanwhile.
fn give(caller: &mut Caller<'_, Data>, fd: u32, bytes: &[u8]) -> wasmtime::Result<()> {
    let owner = caller.data().core;
    let Some(core) = owner.get() else {
        return caller.data().wasi.give(fd, bytes).map_err(trap::carry);
    };
    if core.fibers.active() {
        let mut give = |core: &Core| by_table(core, fd, bytes);
        return core.fibers.outside(caller.as_context_mut(), &mut give);
    }
    // SAFETY: `StoreContextMut` is repr(transparent) over a reference. `caller` is not touched until `top` is taken back.
    let top =
        unsafe { std::mem::transmute::<StoreContextMut<'_, Data>, *mut std::ffi::c_void>(caller.as_context_mut()) };
    core.top.set(top);
    let given = by_table(core, fd, bytes);
    core.top.set(std::ptr::null_mut());
    given.map_err(trap::carry)?;
    core.usable().map_err(trap::carry)
}

fn by_table(core: &Core, fd: u32, bytes: &[u8]) -> Result<()> {
    let _scope = Scope::open(core.env);
    let args = [Js::number(core.env, fd.into())?, Js::buffer(core.env, bytes)?];
    core.table()?.invoke("output", &args).map(drop)
}

/// What the guest has written by another descriptor than the two, which Wasmtime has brought to us in pieces.
pub fn late(caller: &mut Caller<'_, Data>, mut errno_: i32) -> wasmtime::Result<i32> {
    let outputs = caller.data().wasi.outputs.clone();
    for (fd, output) in (1..).zip(outputs.iter().flatten()) {
        let mut bytes = &output.take_late()[..];
        while !bytes.is_empty() {
            if output.is_here() {
                give(caller, fd, bytes)?;
                break;
            }
            let waiter = Waiter::of(caller);
            match write(&waiter, output, bytes)? {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => {
                    errno_ = errno(&error) as i32;
                    break;
                }
            }
            caller.data().wasi.check_streams()?;
        }
    }
    Ok(errno_)
}

fn errno(error: &io::Error) -> Errno {
    match error.kind() {
        ErrorKind::StorageFull => Errno::Nospc,
        ErrorKind::BrokenPipe => Errno::Pipe,
        _ => ErrorCode::from(error).into(),
    }
}
