//! What is done with exports, from outside and by host functions alike: calls, and memory, which is copied.

use core::ptr;

use wasmtime::{AsContext, AsContextMut, Extern, Func, Memory};

use crate::error::{CWASM_BOUNDS, CWASM_EXPORT, CWASM_FAILED, CWASM_MEMORY, CWASM_TYPE, Failure};
use crate::handle::put;
use crate::instance::Data;
use crate::value::{Arguments, CWASM_MAX_VALUES, CWASM_REFERENCE, NO_VALS, cwasm_val, kind, too_many};

pub fn func(found: Option<Extern>) -> Result<Func, Failure> {
    let func = found.and_then(Extern::into_func);
    func.ok_or(Failure::Text(
        CWASM_EXPORT,
        "there is no exported function of this name",
    ))
}
pub fn memory(found: Option<Extern>) -> Result<Memory, Failure> {
    let memory = found.and_then(Extern::into_memory);
    memory.ok_or(Failure::Text(CWASM_EXPORT, "there is no exported memory of this name"))
}

/// Calls a function. `results` are written if it returns.
///
/// # Safety
/// There is space for `len` values at `results`, or it is null and `len` 0.
pub unsafe fn call(
    mut context: impl AsContextMut<Data = Data>,
    func: Func,
    args: &Arguments,
    results: *mut cwasm_val,
    len: usize,
) -> Result<(), Failure> {
    let wrong = |text| Failure::Text(CWASM_TYPE, text);
    let ty = func.ty(&context);
    let args = args.all();
    if len > CWASM_MAX_VALUES {
        return Err(too_many());
    }
    if ty.params().len() != args.len() || ty.results().len() != len {
        return Err(wrong("the function has another number of parameters or results"));
    }
    if len > 0 && (results.is_null() || !results.is_aligned()) {
        return Err(Failure::null("results"));
    }
    if ty.results().any(|ty| kind(&ty) == CWASM_REFERENCE) {
        return Err(wrong("the function returns a reference"));
    }
    let (mut params, mut returned) = (NO_VALS, NO_VALS);
    for ((ty, arg), param) in ty.params().zip(args).zip(&mut params) {
        let val = arg.read().filter(|_| arg.kind == kind(&ty));
        *param = val.ok_or(wrong("an argument has another type than its parameter"))?;
    }
    let returned = &mut returned[..len];
    func.call(&mut context, &params[..args.len()], returned)
        .map_err(|error| Failure::Wasmtime(CWASM_FAILED, error))?;
    for (i, val) in returned.iter().filter_map(cwasm_val::of).enumerate() {
        // SAFETY: the caller's.
        unsafe { results.add(i).write(val) };
    }
    Ok(())
}

/// The length in bytes.
///
/// # Safety
/// As for [`put`].
pub unsafe fn size(context: impl AsContext, memory: Memory, out: *mut u64) -> Result<(), Failure> {
    // SAFETY: the caller's.
    unsafe { put(out, memory.data_size(context) as u64, "out") }
}

pub fn grow(context: impl AsContextMut, memory: Memory, pages: u64) -> Result<(), Failure> {
    let grown = memory.grow(context, pages);
    grown.map(drop).map_err(|error| Failure::Wasmtime(CWASM_MEMORY, error))
}

/// Where `len` bytes from `offset` begin, if there are so many.
fn place(length: usize, offset: u64, len: usize) -> Result<usize, Failure> {
    let start = usize::try_from(offset).ok();
    let inside = start.filter(|start| start.checked_add(len).is_some_and(|end| end <= length));
    inside.ok_or(Failure::Text(CWASM_BOUNDS, "the range is not in the memory"))
}

/// Copies out of a memory.
///
/// # Safety
/// There is space for `len` bytes at `to`, or it is null.
pub unsafe fn read(
    context: impl AsContext,
    memory: Memory,
    offset: u64,
    to: *mut u8,
    len: usize,
) -> Result<(), Failure> {
    let data = memory.data(&context);
    let start = place(data.len(), offset, len)?;
    if len == 0 {
        return Ok(());
    }
    if to.is_null() {
        return Err(Failure::null("to"));
    }
    // SAFETY: the one is inside the memory, the other the caller's; they may be the same where somebody has the address.
    unsafe { ptr::copy(data.as_ptr().add(start), to, len) };
    Ok(())
}

/// Copies into a memory.
///
/// # Safety
/// There are `len` bytes at `from`, or it is null.
pub unsafe fn write(
    mut context: impl AsContextMut,
    memory: Memory,
    offset: u64,
    from: *const u8,
    len: usize,
) -> Result<(), Failure> {
    let data = memory.data_mut(&mut context);
    let start = place(data.len(), offset, len)?;
    if len == 0 {
        return Ok(());
    }
    if from.is_null() {
        return Err(Failure::null("from"));
    }
    // SAFETY: as in `read`.
    unsafe { ptr::copy(from, data.as_mut_ptr().add(start), len) };
    Ok(())
}
