//! WASI preview 0 (`wasi_unstable`), which compilers of 2019 made guests for: preview 1, but for the layout of two structs and
//! the numbers of one enumeration.

use wasmtime::{Linker, ValRaw};
use wasmtime_wasi::p1::types::Errno;
use wiggle::{GuestError, GuestMemory, GuestPtr, Region};

use super::preview1::{self, Entry, Host, answer};
use crate::store_core::Data;

pub const MODULE: &str = "wasi_unstable";

pub fn names() -> impl Iterator<Item = &'static str> {
    preview1::names().filter(|name| *name != "sock_accept")
}

pub fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    preview1::add_as(linker, MODULE, |name| match name {
        "fd_seek" => Some(fd_seek),
        "fd_filestat_get" => Some(fd_filestat_get),
        "path_filestat_get" => Some(path_filestat_get),
        "poll_oneoff" => Some(poll_oneoff),
        "sock_accept" => None,
        _ => Some(answer),
    })
}

/// From where: the current place, the end and the start were 0, 1 and 2, and are 1, 2 and 0.
fn fd_seek(
    memory: &mut GuestMemory<'_>,
    host: &mut Host<'_>,
    entry: &Entry,
    arguments: &[ValRaw],
) -> wasmtime::Result<i32> {
    let whence = arguments[2].get_u32();
    let whence = [1, 2, 0].get(whence as usize).copied().unwrap_or(whence);
    answer(
        memory,
        host,
        entry,
        &[arguments[0], arguments[1], ValRaw::u32(whence), arguments[3]],
    )
}

/// As WASI has it for structs of which the largest member has 8 bytes.
fn aligned(at: u32) -> wasmtime::Result<u32> {
    if at.is_multiple_of(8) {
        return Ok(at);
    }
    Err(GuestError::PtrNotAligned(Region { start: at, len: 8 }, 8).into())
}

const STAT: usize = 64;

/// The number of links had 4 bytes, and has 8.
fn stat(memory: &mut GuestMemory<'_>, at: u32, stat: &[u8]) -> wasmtime::Result<i32> {
    let packed = [&stat[..20], &stat[24..28], &stat[32..STAT]].concat();
    memory.copy_from_slice(&packed, GuestPtr::<u8>::new(aligned(at)?).as_array(packed.len() as u32))?;
    Ok(0)
}

fn fd_filestat_get(
    memory: &mut GuestMemory<'_>,
    host: &mut Host<'_>,
    entry: &Entry,
    arguments: &[ValRaw],
) -> wasmtime::Result<i32> {
    let mut own = [0; STAT];
    match answer(
        &mut GuestMemory::Unshared(&mut own),
        host,
        entry,
        &[arguments[0], ValRaw::u32(0)],
    )? {
        0 => stat(memory, arguments[1].get_u32(), &own),
        errno => Ok(errno),
    }
}

fn path_filestat_get(
    memory: &mut GuestMemory<'_>,
    host: &mut Host<'_>,
    entry: &Entry,
    arguments: &[ValRaw],
) -> wasmtime::Result<i32> {
    let [path, len, at] = [2, 3, 4].map(|i: usize| arguments[i].get_u32());
    if len > 1 << 16 {
        return Ok(Errno::Nametoolong as i32);
    }
    let mut own = vec![0; STAT];
    own.extend_from_slice(&memory.as_cow(GuestPtr::<u8>::new(path).as_array(len))?);
    let arguments = [
        arguments[0],
        arguments[1],
        ValRaw::u32(STAT as u32),
        arguments[3],
        ValRaw::u32(0),
    ];
    match answer(&mut GuestMemory::Unshared(&mut own), host, entry, &arguments)? {
        0 => stat(memory, at, &own),
        errno => Ok(errno),
    }
}

const OLD: usize = 56;
const NEW: usize = 48;
const EVENT: usize = 32;

/// Clocks had an identifier, which nobody used.
fn poll_oneoff(
    memory: &mut GuestMemory<'_>,
    host: &mut Host<'_>,
    entry: &Entry,
    arguments: &[ValRaw],
) -> wasmtime::Result<i32> {
    let [from, to, count, ready] = [0, 1, 2, 3].map(|i: usize| arguments[i].get_u32());
    let subscriptions = count as usize;
    aligned(to)?;
    if subscriptions > 1 << 16 {
        return Ok(Errno::Nomem as i32);
    }
    let old = memory.as_cow(GuestPtr::<u8>::new(aligned(from)?).as_array((subscriptions * OLD) as u32))?;
    let mut own = Vec::with_capacity(subscriptions * (NEW + EVENT) + 4);
    for old in old.chunks_exact(OLD) {
        // A descriptor is where the identifier was, and a clock behind it.
        let rest = if old[8] == 0 { &old[24..56] } else { &old[16..48] };
        own.extend_from_slice(&old[..16]);
        own.extend_from_slice(rest);
    }
    let [events, found] = [subscriptions * NEW, subscriptions * (NEW + EVENT)];
    own.resize(found + 4, 0);
    let arguments = [0, events, subscriptions, found].map(|number| ValRaw::u32(number as u32));
    let errno = answer(&mut GuestMemory::Unshared(&mut own), host, entry, &arguments)?;
    if errno != 0 {
        return Ok(errno);
    }
    let found: [u8; 4] = own[found..].try_into().unwrap_or_default();
    let found = u32::from_le_bytes(found);
    let events = &own[events..events + found as usize * EVENT];
    memory.copy_from_slice(events, GuestPtr::<u8>::new(to).as_array(events.len() as u32))?;
    memory.write(GuestPtr::new(ready), found)?;
    Ok(0)
}
