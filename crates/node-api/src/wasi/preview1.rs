//! The functions of WASI preview 1, defined in a linker.
//!
//! Wasmtime's own `add_to_linker_sync` makes a full copy of its calling and waiting code for each of the 46 functions: 0.2 MB
//! of the small addon. Here all go through one function, and where a guest waits is one place.

use std::cell::UnsafeCell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use wasmtime::{AsContextMut, Caller, Extern, FuncType, Linker, ValRaw, ValType};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as preview1, WasiSnapshotPreview1};
use wasmtime_wasi::p1::{WasiP1Ctx, types};
use wasmtime_wasi::{I32Exit, ResourceTableError};
use wiggle::{GuestMemory, GuestPtr};

use super::waiter::Waiter;
use super::{State, write};
use crate::error::Error;
use crate::store_core::Data;
use crate::trap;

pub const MODULE: &str = "wasi_snapshot_preview1";

/// What a call becomes: a future that is ready at once, unless the guest waits.
type Answer<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<i32>> + 'a>>;
type Function = for<'a> fn(&'a mut WasiP1Ctx, &'a mut GuestMemory<'_>, &'a [ValRaw]) -> Answer<'a>;

/// The next argument.
trait Argument {
    fn take(slots: &mut std::slice::Iter<'_, ValRaw>) -> Self;
}
impl Argument for i32 {
    fn take(slots: &mut std::slice::Iter<'_, ValRaw>) -> i32 {
        slots.next().map_or(0, ValRaw::get_i32)
    }
}
impl Argument for i64 {
    fn take(slots: &mut std::slice::Iter<'_, ValRaw>) -> i64 {
        slots.next().map_or(0, ValRaw::get_i64)
    }
}

macro_rules! functions {
    ($($way:ident $name:ident($($arg:ident)*);)*) => {
        static FUNCTIONS: &[Entry] = &[$(Entry {
            name: stringify!($name),
            params: &[$(functions!(@type $arg)),*],
            function: |context, memory, slots| {
                #[allow(unused_mut, unused_variables, reason = "sched_yield has no arguments")]
                let mut slots = slots.iter();
                Box::pin(functions!(@$way preview1::$name(context, memory $(, <$arg as Argument>::take(&mut slots))*)))
            },
        },)*];
    };
    (@type i32) => { ValType::I32 };
    (@type i64) => { ValType::I64 };
    (@now $call:expr) => { std::future::ready($call) };
    (@wait $call:expr) => { $call };
}

functions! {
    now args_get(i32 i32);
    now args_sizes_get(i32 i32);
    now environ_get(i32 i32);
    now environ_sizes_get(i32 i32);
    now clock_res_get(i32 i32);
    now clock_time_get(i32 i64 i32);
    wait fd_advise(i32 i64 i64 i32);
    now fd_allocate(i32 i64 i64);
    wait fd_close(i32);
    wait fd_datasync(i32);
    wait fd_fdstat_get(i32 i32);
    now fd_fdstat_set_flags(i32 i32);
    now fd_fdstat_set_rights(i32 i64 i64);
    wait fd_filestat_get(i32 i32);
    wait fd_filestat_set_size(i32 i64);
    wait fd_filestat_set_times(i32 i64 i64 i32);
    wait fd_pread(i32 i32 i32 i64 i32);
    now fd_prestat_get(i32 i32);
    now fd_prestat_dir_name(i32 i32 i32);
    wait fd_pwrite(i32 i32 i32 i64 i32);
    wait fd_read(i32 i32 i32 i32);
    wait fd_readdir(i32 i32 i32 i64 i32);
    wait fd_renumber(i32 i32);
    wait fd_seek(i32 i64 i32 i32);
    wait fd_sync(i32);
    now fd_tell(i32 i32);
    wait fd_write(i32 i32 i32 i32);
    wait path_create_directory(i32 i32 i32);
    wait path_filestat_get(i32 i32 i32 i32 i32);
    wait path_filestat_set_times(i32 i32 i32 i32 i64 i64 i32);
    wait path_link(i32 i32 i32 i32 i32 i32 i32);
    wait path_open(i32 i32 i32 i32 i32 i64 i64 i32 i32);
    wait path_readlink(i32 i32 i32 i32 i32 i32);
    wait path_remove_directory(i32 i32 i32);
    wait path_rename(i32 i32 i32 i32 i32 i32);
    wait path_symlink(i32 i32 i32 i32 i32);
    wait path_unlink_file(i32 i32 i32);
    wait poll_oneoff(i32 i32 i32 i32);
    now proc_raise(i32);
    now sched_yield();
    now random_get(i32 i32);
    now sock_accept(i32 i32 i32);
    now sock_recv(i32 i32 i32 i32 i32 i32);
    now sock_send(i32 i32 i32 i32 i32);
    now sock_shutdown(i32 i32);
}

/// One of the functions.
pub struct Entry {
    pub name: &'static str,
    params: &'static [ValType],
    function: Function,
}

/// What is done for one call.
type Handler = fn(&mut GuestMemory<'_>, &mut Host<'_>, &Entry, &[ValRaw]) -> wasmtime::Result<i32>;

pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|entry| entry.name).chain(["proc_exit"])
}

pub fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    add_as(linker, MODULE, |_| Some(answer))
}

/// Defines the functions in a module of this name, each with its handler.
pub fn add_as(
    linker: &mut Linker<Data>,
    module: &str,
    handler: impl Fn(&str) -> Option<Handler>,
) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for entry in FUNCTIONS {
        let Some(handler) = handler(entry.name) else {
            continue;
        };
        let ty = FuncType::new(&engine, entry.params.iter().cloned(), [ValType::I32]);
        // SAFETY: the slots are read by the types just given, and one i32 is written.
        unsafe {
            linker.func_new_unchecked(module, entry.name, ty, move |caller, slots| {
                // SAFETY: Wasmtime gives as many initialized slots as there are parameters.
                let arguments = &*(&raw const slots[..entry.params.len()] as *const [ValRaw]);
                let errno = call(caller, entry, arguments, handler)?;
                slots[0].write(ValRaw::i32(errno));
                Ok(())
            })?;
        }
    }
    // Returns nothing, and never to the guest. Wasmtime's own has no codes from 126, which a shell uses for itself.
    linker.func_wrap(module, "proc_exit", |mut caller: Caller<'_, Data>, code: i32| {
        caller.data_mut().wasi.exit_code = Some(code);
        Err::<(), _>(wasmtime::Error::new(I32Exit(code)))
    })?;
    Ok(())
}

/// A `poll_oneoff` that does nothing but sleep: wasmtime-wasi would put the thread to sleep, which then looks at nothing.
struct Sleep {
    nanos: u64,
    event: types::Event,
}

impl Sleep {
    fn read(memory: &GuestMemory<'_>, name: &str, arguments: &[ValRaw]) -> Option<Sleep> {
        if name != "poll_oneoff" || arguments[2].get_u32() != 1 {
            return None;
        }
        let at = GuestPtr::<types::Subscription>::new(arguments[0].get_u32());
        let subscription = memory.read(at).ok()?;
        let types::SubscriptionU::Clock(clock) = subscription.u else {
            return None;
        };
        let event = types::Event {
            userdata: subscription.userdata,
            error: types::Errno::Success,
            type_: types::Eventtype::Clock,
            fd_readwrite: types::EventFdReadwrite {
                flags: types::Eventrwflags::empty(),
                nbytes: 1,
            },
        };
        (!clock.flags.contains(ABSOLUTE)).then_some(Sleep {
            nanos: clock.timeout,
            event,
        })
    }
    async fn sleep(self, memory: &mut GuestMemory<'_>, arguments: &[ValRaw]) -> wasmtime::Result<i32> {
        tokio::time::sleep(Duration::from_nanos(self.nanos)).await;
        let [events, count] = [1, 3].map(|i: usize| arguments[i].get_u32());
        memory.write(GuestPtr::new(events), self.event)?;
        memory.write(GuestPtr::<u32>::new(count), 1)?;
        Ok(0)
    }
}
const ABSOLUTE: types::Subclockflags = types::Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME;

/// What a function works on beside the guest's memory.
pub struct Host<'a> {
    pub wasi: &'a mut State,
    pub waiter: &'a Waiter,
}

/// Those in which a guest may wait for somebody.
fn may_wait(name: &str) -> bool {
    matches!(name, "poll_oneoff" | "fd_read" | "fd_write")
}

/// One call of a guest.
fn call(mut caller: Caller<'_, Data>, entry: &Entry, arguments: &[ValRaw], handler: Handler) -> wasmtime::Result<i32> {
    if caller.data().wasi.lent {
        let message =
            "a guest of this store waits in a function of WASI: no other can be called until it has what it waits for";
        return Err(trap::error(Error::new("StoreBusyError", message)));
    }
    let fuel = caller.as_context_mut().hostcall_fuel();
    if entry.name == "fd_write" {
        let fd = arguments[0].get_u32();
        if let Some(output) = caller.data().wasi.output(fd) {
            return write::fd_write(&mut caller, &output, arguments, fuel);
        }
    }
    // Wasmtime counts what it copies of paths, but of this one.
    if entry.name == "path_unlink_file" && arguments[2].get_u32() as usize > fuel {
        return Ok(types::Errno::Nomem as i32);
    }
    let waiter = Waiter::of(&mut caller);
    let errno = if waiter.suspends() && may_wait(entry.name) {
        on_loan(&mut caller, fuel, |memory, wasi| {
            handler(memory, &mut Host { wasi, waiter: &waiter }, entry, arguments)
        })?
    } else {
        // What does not wait is done where it is.
        let here = !waiter.suspends();
        let waiter = match waiter {
            Waiter::Suspend { .. } => Waiter::block(&caller.data().brake, here),
            blocks => blocks,
        };
        let (mut memory, data) = memory_of(&mut caller)?;
        let wasi = &mut data.wasi;
        wasi.context().set_hostcall_fuel(fuel);
        handler(&mut memory, &mut Host { wasi, waiter: &waiter }, entry, arguments)?
    };
    match entry.name {
        "fd_write" => write::late(&mut caller, errno),
        _ => Ok(errno),
    }
}

/// Has a function work on what is not the store's meanwhile, which may be used while the guest is suspended: WASI's state is lent
/// to it, and the guest's memory, which does not move until it is back.
fn on_loan<R>(
    caller: &mut Caller<'_, Data>,
    fuel: usize,
    body: impl FnOnce(&mut GuestMemory<'_>, &mut State) -> wasmtime::Result<R>,
) -> wasmtime::Result<R> {
    let (start, len) = match memory_of(caller)?.0 {
        GuestMemory::Unshared(bytes) => (bytes.as_mut_ptr().cast_const(), bytes.len()),
        GuestMemory::Shared(bytes) => (bytes.as_ptr().cast(), bytes.len()),
    };
    // SAFETY: of a memory whose instance stays as long as its store. `limits` lets none grow that would move.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<UnsafeCell<u8>>(), len) };
    let mut wasi = caller.data_mut().wasi.lend();
    caller.data_mut().limits.pinned = true;
    wasi.context().set_hostcall_fuel(fuel);
    let done = body(&mut GuestMemory::Shared(bytes), &mut wasi);
    let data = caller.data_mut();
    data.limits.pinned = false;
    data.wasi.give_back(wasi);
    done
}

/// The memory that the guest exports.
pub fn memory_of<'a>(caller: &'a mut Caller<'_, Data>) -> wasmtime::Result<(GuestMemory<'a>, &'a mut Data)> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => {
            let (bytes, data) = memory.data_and_store_mut(caller);
            Ok((GuestMemory::Unshared(bytes), data))
        }
        Some(Extern::SharedMemory(memory)) => {
            // SAFETY: the store that the guest runs in keeps the memory, for longer than the call.
            let bytes = unsafe { &*std::ptr::from_ref(memory.data()) };
            Ok((GuestMemory::Shared(bytes), caller.data_mut()))
        }
        _ => {
            let message = "the guest exports no memory named 'memory', which WASI reads and writes";
            let error = Error::new("LinkError", message);
            Err(trap::error(error.with("module", "").with("name", "memory")))
        }
    }
}

/// What Wasmtime's own WASI answers.
pub fn answer(
    memory: &mut GuestMemory<'_>,
    host: &mut Host<'_>,
    entry: &Entry,
    arguments: &[ValRaw],
) -> wasmtime::Result<i32> {
    let Host { wasi, waiter } = host;
    let moved = match entry.name {
        "fd_close" => 1,
        "fd_renumber" => 2,
        _ => 0,
    };
    for fd in &arguments[..moved] {
        wasi.move_output(fd.get_u32());
    }
    if let Some(sleep) = Sleep::read(memory, entry.name, arguments) {
        return waiter.finish(std::pin::pin!(sleep.sleep(memory, arguments)));
    }
    if entry.name == "path_open" {
        // The descriptor is written when it is open: where that can't be done, none is opened.
        memory.read(GuestPtr::<u32>::new(arguments[8].get_u32()))?;
        if !wasi.may_open() {
            return Ok(types::Errno::Mfile as i32);
        }
    }
    let answer = waiter.finish((entry.function)(wasi.context(), memory, arguments));
    wasi.check_streams()?;
    if matches!(answer, Ok(0)) {
        wasi.count(entry.name, arguments);
    }
    answer.or_else(|error| match error.downcast_ref() {
        Some(ResourceTableError::Full) => Ok(types::Errno::Nomem as i32),
        _ => Err(error),
    })
}
