//! Pointers of C: what is null or not aligned is an error, what else is wrong with them can't be seen.

use alloc::alloc::alloc;
use alloc::boxed::Box;
use core::alloc::Layout;
use core::ffi::{CStr, c_char};
use core::slice;

use crate::error::{CWASM_ARGUMENT, CWASM_MEMORY, Failure};

/// A handle that was given.
///
/// # Safety
/// It is null or points to a living `T` that nobody changes for `'a`.
pub unsafe fn given<'a, T>(handle: *const T, name: &'static str) -> Result<&'a T, Failure> {
    if handle.is_null() || !handle.is_aligned() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's.
    Ok(unsafe { &*handle })
}

/// Values that were given. None of them may be at null.
///
/// # Safety
/// The pointer is null or there are so many `T` at it, which nobody changes for `'a`.
pub unsafe fn values<'a, T>(start: *const T, len: usize, name: &'static str) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if start.is_null() || !start.is_aligned() || size_of::<T>().checked_mul(len).is_none_or(|n| n > isize::MAX as usize)
    {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's.
    Ok(unsafe { slice::from_raw_parts(start, len) })
}

/// Text that was given: UTF-8, as names of wasm are.
///
/// # Safety
/// It is null or ends in a zero byte, and nobody changes it for `'a`.
pub unsafe fn text<'a>(start: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    if start.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(start) }
        .to_str()
        .map_err(|_| Failure::Text(CWASM_ARGUMENT, "a name is not UTF-8"))
}

/// Puts a result where the caller wants it.
///
/// # Safety
/// `out` is null or there is space for a `T` at it.
pub unsafe fn put<T>(out: *mut T, value: T, name: &'static str) -> Result<(), Failure> {
    if out.is_null() || !out.is_aligned() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller's.
    unsafe { out.write(value) };
    Ok(())
}

/// Makes a handle. The heap may be full, which is no reason to end.
///
/// # Safety
/// As for [`put`].
pub unsafe fn hand_out<T>(out: *mut *mut T, value: T) -> Result<(), Failure> {
    const { assert!(size_of::<T>() > 0) };
    if out.is_null() || !out.is_aligned() {
        return Err(Failure::null("out"));
    }
    // SAFETY: a handle's type has a size.
    let place = unsafe { alloc(Layout::new::<T>()) }.cast::<T>();
    if place.is_null() {
        return Err(Failure::Text(CWASM_MEMORY, "the heap is full"));
    }
    // SAFETY: it was allocated for just that, and Box frees with the same layout.
    let handle = unsafe {
        place.write(value);
        Box::from_raw(place)
    };
    // SAFETY: the caller's.
    unsafe { put(out, Box::into_raw(handle), "out") }
}

/// Frees a handle; null is none.
///
/// # Safety
/// It came from [`hand_out`] and is not used again.
pub unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller's.
        drop(unsafe { Box::from_raw(handle) });
    }
}
