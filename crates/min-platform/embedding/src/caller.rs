//! What a host function has of the guest that calls it, for as long as the call takes.

use core::cell::Cell;
use core::ffi::{c_char, c_int};
use core::ptr::NonNull;

use wasmtime::Caller;

use crate::error::{CWASM_BUSY, Failure, cwasm_error, report};
use crate::handle::{given, text};
use crate::instance::Data;
use crate::memory;
use crate::value::{Arguments, cwasm_val};

/// The guest that calls a host function, for the thread that this runs on. It is gone when that returns; calls through it may run
/// host functions, which have callers of their own.
pub struct cwasm_caller {
    /// None while a call through it runs.
    inside: Cell<Option<NonNull<Caller<'static, Data>>>>,
}

impl cwasm_caller {
    /// The handle is good as long as it and the caller both live.
    pub fn new(caller: &mut Caller<'_, Data>) -> cwasm_caller {
        cwasm_caller {
            inside: Cell::new(Some(NonNull::from(caller).cast())),
        }
    }
    fn enter(&self, body: impl FnOnce(&mut Caller<'_, Data>) -> Result<(), Failure>) -> Result<(), Failure> {
        let busy = Failure::Text(
            CWASM_BUSY,
            "the guest is running: another host function's caller is the one to use",
        );
        let mut inside = self.inside.take().ok_or(busy)?;
        // SAFETY: whoever made the handle holds the caller mutably as long as the handle is out, and nobody else has taken it.
        let result = body(unsafe { inside.as_mut() });
        self.inside.set(Some(inside));
        result
    }
}

/// Calls an export of the guest from a host function. `results` may be where `args` are.
///
/// # Safety
/// `caller` is null or what the host function was given, `name` ends in a zero byte, and there are so many values at `args` and `results`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_caller_call(
    caller: *const cwasm_caller,
    name: *const c_char,
    args: *const cwasm_val,
    args_len: usize,
    results: *mut cwasm_val,
    results_len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (caller, name, args) = unsafe {
            (
                given(caller, "caller")?,
                text(name, "name")?,
                Arguments::read(args, args_len)?,
            )
        };
        caller.enter(|caller| {
            let func = memory::func(caller.get_export(name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::call(caller, func, &args, results, results_len) }
        })
    })
}

/// The length of the guest's memory of this name, in bytes.
///
/// # Safety
/// `caller` is null or what the host function was given, `name` ends in a zero byte, and `out` points to where the length goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_caller_memory_size(
    caller: *const cwasm_caller,
    name: *const c_char,
    out: *mut u64,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (caller, name) = unsafe { (given(caller, "caller")?, text(name, "name")?) };
        caller.enter(|caller| {
            let memory = memory::memory(caller.get_export(name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::size(caller, memory, out) }
        })
    })
}

/// Copies bytes out of the guest's memory of this name.
///
/// # Safety
/// `caller` is null or what the host function was given, `name` ends in a zero byte, and there is space for `len` bytes at `to`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_caller_memory_read(
    caller: *const cwasm_caller,
    name: *const c_char,
    offset: u64,
    to: *mut u8,
    len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (caller, name) = unsafe { (given(caller, "caller")?, text(name, "name")?) };
        caller.enter(|caller| {
            let memory = memory::memory(caller.get_export(name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::read(caller, memory, offset, to, len) }
        })
    })
}

/// Copies bytes into the guest's memory of this name.
///
/// # Safety
/// `caller` is null or what the host function was given, `name` ends in a zero byte, and there are `len` bytes at `from`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_caller_memory_write(
    caller: *const cwasm_caller,
    name: *const c_char,
    offset: u64,
    from: *const u8,
    len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (caller, name) = unsafe { (given(caller, "caller")?, text(name, "name")?) };
        caller.enter(|caller| {
            let memory = memory::memory(caller.get_export(name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::write(caller, memory, offset, from, len) }
        })
    })
}
