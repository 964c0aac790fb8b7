//! Access to a memory that other threads may write to meanwhile: never a plain load or store.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use napi_derive::napi;
use wasmtime::ValType;

use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::memory::Memory;
use crate::store_core::Core;
use crate::val::Taken;

/// Copies bytes that may change meanwhile, a word at a time where it can be.
///
/// # Safety
/// `len` bytes at `start` are readable for the length of the call.
pub unsafe fn read(start: *const u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        // SAFETY: within the caller's bytes; atomics of the bytes' own alignment.
        unsafe {
            let at = start.add(bytes.len());
            if at.cast::<usize>().is_aligned() && len - bytes.len() >= size_of::<usize>() {
                let word = (*at.cast::<AtomicUsize>()).load(Ordering::Relaxed);
                bytes.extend_from_slice(&word.to_ne_bytes());
            } else {
                bytes.push((*at.cast::<AtomicU8>()).load(Ordering::Relaxed));
            }
        }
    }
    bytes
}

/// Writes bytes that others may read meanwhile.
///
/// # Safety
/// As many bytes at `start` are writable for the length of the call, and are not the source.
pub unsafe fn write(start: *mut u8, bytes: &[u8]) {
    let mut done = 0;
    while done < bytes.len() {
        // SAFETY: as for `read`.
        unsafe {
            let at = start.add(done);
            match bytes[done..].first_chunk() {
                Some(word) if at.cast::<usize>().is_aligned() => {
                    (*at.cast::<AtomicUsize>()).store(usize::from_ne_bytes(*word), Ordering::Relaxed);
                    done += size_of::<usize>();
                }
                _ => {
                    (*at.cast::<AtomicU8>()).store(bytes[done], Ordering::Relaxed);
                    done += 1;
                }
            }
        }
    }
}

/// What an atomic operation works on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Width {
    I32,
    I64,
}

/// `'i32'` or `'i64'`.
pub fn width(ty: Js) -> Result<Width> {
    match ty.to_str("type")?.as_str() {
        "i32" => Ok(Width::I32),
        "i64" => Ok(Width::I64),
        other => Err(Error::type_error(format!("type must be 'i32' or 'i64', got '{other}'")).into()),
    }
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Width::I32 => 4,
            Width::I64 => 8,
        }
    }
    /// Converts as a call does; user code may run.
    pub fn bits(self, core: &Core, value: Js) -> Result<u64> {
        let ty = match self {
            Width::I32 => ValType::I32,
            Width::I64 => ValType::I64,
        };
        let raw = Taken::from_js(core, value, &ty)?;
        Ok(match self {
            Width::I32 => u64::from(raw.slot().get_u32()),
            Width::I64 => raw.slot().get_u64(),
        })
    }
    fn to_js(self, env: napi::sys::napi_env, bits: u64) -> Result<Js> {
        match self {
            Width::I32 => Js::number(env, f64::from(bits as u32 as i32)),
            Width::I64 => Js::bigint(env, bits as i64),
        }
    }
}

/// One operation on one place, of either width.
macro_rules! atomic {
    ($width:expr, $place:expr, $method:ident, $($bits:expr),*) => {
        // SAFETY: `aligned` has checked bounds and alignment, and the memory stays for the length of the call.
        unsafe {
            match $width {
                Width::I32 => u64::from((*$place.cast::<AtomicU32>()).$method($($bits as u32,)* Ordering::SeqCst)),
                Width::I64 => (*$place.cast::<AtomicU64>()).$method($($bits,)* Ordering::SeqCst),
            }
        }
    };
}

impl Memory {
    pub fn aligned(&self, offset: Js, width: Width) -> Result<*mut u8> {
        let place = self.range(offset, width.bytes())?;
        if place.addr() % width.bytes() == 0 {
            return Ok(place);
        }
        let message = format!("offset must be a multiple of {}", width.bytes());
        Err(Error::range_error(message).into())
    }
}

#[napi]
impl Memory {
    /// Reads an integer atomically, as a guest's `i32.atomic.load` does.
    ///
    /// Throws `RangeError` for a place outside of the memory or not aligned to the type's size. So do the other atomic
    /// methods, all of which are sequentially consistent and work on memories that are not shared too.
    #[napi(
        ts_args_type = "type: 'i32' | 'i64', offset: number | bigint",
        ts_return_type = "number | bigint"
    )]
    pub fn atomic_load(&self, ty: Js, offset: Js) -> napi::Result<Js> {
        guard(ty.env, || {
            let width = width(ty)?;
            let place = self.aligned(offset, width)?;
            width.to_js(ty.env, atomic!(width, place, load,))
        })
    }

    /// Writes an integer atomically, converted as by a call.
    #[napi(ts_args_type = "type: 'i32' | 'i64', offset: number | bigint, value: number | bigint")]
    pub fn atomic_store(&self, ty: Js, offset: Js, value: Js) -> napi::Result<()> {
        guard(ty.env, || {
            let width = width(ty)?;
            let bits = width.bits(&self.core, value)?;
            let place = self.aligned(offset, width)?;
            atomic!(width, place, swap, bits);
            Ok(())
        })
    }

    /// Changes an integer atomically, and returns what it was.
    #[napi(
        ts_args_type = "type: 'i32' | 'i64', operation: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg', offset: number | bigint, value: number | bigint",
        ts_return_type = "number | bigint"
    )]
    pub fn atomic_rmw(&self, ty: Js, operation: Js, offset: Js, value: Js) -> napi::Result<Js> {
        guard(ty.env, || {
            let width = width(ty)?;
            let operation = operation.to_str("operation")?;
            let bits = width.bits(&self.core, value)?;
            let place = self.aligned(offset, width)?;
            let before = match operation.as_str() {
                "add" => atomic!(width, place, fetch_add, bits),
                "sub" => atomic!(width, place, fetch_sub, bits),
                "and" => atomic!(width, place, fetch_and, bits),
                "or" => atomic!(width, place, fetch_or, bits),
                "xor" => atomic!(width, place, fetch_xor, bits),
                "xchg" => atomic!(width, place, swap, bits),
                other => {
                    let message =
                        format!("operation must be 'add', 'sub', 'and', 'or', 'xor' or 'xchg', got '{other}'");
                    return Err(Error::type_error(message).into());
                }
            };
            width.to_js(ty.env, before)
        })
    }

    /// Writes `replacement` if the integer is `expected`, atomically, and returns what it was.
    #[napi(
        ts_args_type = "type: 'i32' | 'i64', offset: number | bigint, expected: number | bigint, replacement: number | bigint",
        ts_return_type = "number | bigint"
    )]
    pub fn atomic_compare_exchange(&self, ty: Js, offset: Js, expected: Js, replacement: Js) -> napi::Result<Js> {
        guard(ty.env, || {
            let width = width(ty)?;
            let (expected, bits) = (width.bits(&self.core, expected)?, width.bits(&self.core, replacement)?);
            let place = self.aligned(offset, width)?;
            // SAFETY: as in `atomic!`.
            let result = unsafe {
                match width {
                    Width::I32 => (*place.cast::<AtomicU32>())
                        .compare_exchange(expected as u32, bits as u32, Ordering::SeqCst, Ordering::SeqCst)
                        .map(u64::from)
                        .map_err(u64::from),
                    Width::I64 => (*place.cast::<AtomicU64>()).compare_exchange(
                        expected,
                        bits,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    ),
                }
            };
            width.to_js(ty.env, result.unwrap_or_else(|found| found))
        })
    }
}
