//! Values at the boundary, and their types.

use wasmtime::{V128, Val, ValType};

use crate::error::{CWASM_TYPE, Failure};
use crate::handle::values;

/// A 32-bit integer.
pub const CWASM_I32: u32 = 0;
/// A 64-bit integer.
pub const CWASM_I64: u32 = 1;
/// A 32-bit float.
pub const CWASM_F32: u32 = 2;
/// A 64-bit float.
pub const CWASM_F64: u32 = 3;
/// A vector of 128 bits.
pub const CWASM_V128: u32 = 4;
/// A reference: functions that take or return one can be listed, not called.
pub const CWASM_REFERENCE: u32 = 5;

/// How many parameters, and how many results, a function that is called or defined here may have.
pub const CWASM_MAX_VALUES: usize = 16;

/// The bits of a value.
#[repr(C)]
#[derive(Clone, Copy)]
pub union cwasm_bits {
    /// Of `CWASM_I32`.
    pub i32: i32,
    /// Of `CWASM_I64`.
    pub i64: i64,
    /// Of `CWASM_F32`.
    pub f32: f32,
    /// Of `CWASM_F64`.
    pub f64: f64,
    /// Of `CWASM_V128`, little-endian.
    pub v128: [u8; 16],
}

/// A value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cwasm_val {
    /// `CWASM_I32` to `CWASM_V128`.
    pub kind: u32,
    /// What it is, by its kind.
    pub of: cwasm_bits,
}

/// Enough of them for any call, on the stack.
pub type Values = [cwasm_val; CWASM_MAX_VALUES];
pub const NO_VALUES: Values = [cwasm_val {
    kind: CWASM_I32,
    of: cwasm_bits { v128: [0; 16] },
}; CWASM_MAX_VALUES];
/// The same for Wasmtime.
pub const NO_VALS: [Val; CWASM_MAX_VALUES] = [const { Val::I32(0) }; CWASM_MAX_VALUES];

/// A copy of arguments, so that results may be written to the same place.
pub struct Arguments {
    values: Values,
    len: usize,
}
impl Arguments {
    /// # Safety
    /// As for [`values`].
    pub unsafe fn read(start: *const cwasm_val, len: usize) -> Result<Arguments, Failure> {
        if len > CWASM_MAX_VALUES {
            return Err(too_many());
        }
        let mut copy = NO_VALUES;
        // SAFETY: the caller's.
        copy[..len].copy_from_slice(unsafe { values(start, len, "args") }?);
        Ok(Arguments { values: copy, len })
    }
    pub fn all(&self) -> &[cwasm_val] {
        &self.values[..self.len]
    }
}

pub fn too_many() -> Failure {
    Failure::Text(CWASM_TYPE, "more than CWASM_MAX_VALUES values")
}

impl cwasm_val {
    /// None if its kind is none that has values.
    pub fn read(&self) -> Option<Val> {
        // SAFETY: all bits of the union are integers or floats, for which any are valid; C has set those of its kind.
        unsafe {
            Some(match self.kind {
                CWASM_I32 => Val::I32(self.of.i32),
                CWASM_I64 => Val::I64(self.of.i64),
                CWASM_F32 => Val::F32(self.of.f32.to_bits()),
                CWASM_F64 => Val::F64(self.of.f64.to_bits()),
                CWASM_V128 => Val::V128(V128::from(u128::from_le_bytes(self.of.v128))),
                _ => return None,
            })
        }
    }
    /// None of a reference.
    pub fn of(val: &Val) -> Option<cwasm_val> {
        let mut of = cwasm_bits { v128: [0; 16] };
        let kind = match *val {
            Val::I32(i32) => {
                of.i32 = i32;
                CWASM_I32
            }
            Val::I64(i64) => {
                of.i64 = i64;
                CWASM_I64
            }
            Val::F32(bits) => {
                of.f32 = f32::from_bits(bits);
                CWASM_F32
            }
            Val::F64(bits) => {
                of.f64 = f64::from_bits(bits);
                CWASM_F64
            }
            Val::V128(v128) => {
                of.v128 = v128.as_u128().to_le_bytes();
                CWASM_V128
            }
            _ => return None,
        };
        Some(cwasm_val { kind, of })
    }
}

/// The number of a type.
pub fn kind(ty: &ValType) -> u32 {
    match ty {
        ValType::I32 => CWASM_I32,
        ValType::I64 => CWASM_I64,
        ValType::F32 => CWASM_F32,
        ValType::F64 => CWASM_F64,
        ValType::V128 => CWASM_V128,
        ValType::Ref(_) => CWASM_REFERENCE,
    }
}
/// The type of a number.
pub fn ty(kind: u32) -> Option<ValType> {
    Some(match kind {
        CWASM_I32 => ValType::I32,
        CWASM_I64 => ValType::I64,
        CWASM_F32 => ValType::F32,
        CWASM_F64 => ValType::F64,
        CWASM_V128 => ValType::V128,
        _ => return None,
    })
}
