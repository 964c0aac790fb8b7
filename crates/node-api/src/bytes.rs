//! Bytes given by JavaScript: a typed array, a `DataView` or an `ArrayBuffer`.

use std::ops::Deref;
use std::ptr;

use napi::sys;

use crate::error::{Error, Result};
use crate::js::Js;

/// Bytes that stay as they are until the native call returns: JavaScript's own, or a copy where another thread could write
/// to them (a `SharedArrayBuffer`).
pub enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Copied(Vec<u8>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Copied(bytes) => bytes,
        }
    }
}

impl<'a> Bytes<'a> {
    /// The bytes of `value`, for as long as no JavaScript runs.
    pub fn read(value: Js, what: &str) -> Result<Bytes<'a>> {
        let Some((data, len, buffer)) = find(value) else {
            let message = format!("{what} must be a Uint8Array, got {}", value.describe());
            return Err(Error::type_error(message).into());
        };
        let bytes = match len {
            0 => &[][..],
            // SAFETY: Node-API vouches for pointer and length (0 for a detached buffer), and nothing can detach or resize
            // the buffer before JavaScript runs again.
            _ => unsafe { std::slice::from_raw_parts(data, len) },
        };
        let mut plain = false;
        // SAFETY: a live handle.
        unsafe { sys::napi_is_arraybuffer(value.env, buffer, &mut plain) };
        Ok(if plain {
            Bytes::Borrowed(bytes)
        } else {
            Bytes::Copied(bytes.to_vec())
        })
    }
}

/// Kind, start and length in bytes of a typed array.
pub fn typed_array(value: Js) -> Option<(sys::napi_typedarray_type, *mut u8, usize)> {
    let (mut data, mut len, mut buffer, mut offset) = (ptr::null_mut(), 0, ptr::null_mut(), 0);
    let mut kind = 0;
    // SAFETY: Node-API refuses what is no typed array.
    let info = unsafe {
        sys::napi_get_typedarray_info(
            value.env,
            value.raw,
            &mut kind,
            &mut len,
            &mut data,
            &mut buffer,
            &mut offset,
        )
    };
    (info == sys::Status::napi_ok).then_some((kind, data.cast(), len * size_of_element(kind)))
}

fn size_of_element(kind: sys::napi_typedarray_type) -> usize {
    match kind {
        sys::TypedarrayType::int8_array
        | sys::TypedarrayType::uint8_array
        | sys::TypedarrayType::uint8_clamped_array => 1,
        sys::TypedarrayType::int16_array | sys::TypedarrayType::uint16_array => 2,
        sys::TypedarrayType::float64_array
        | sys::TypedarrayType::bigint64_array
        | sys::TypedarrayType::biguint64_array => 8,
        11 => 2, // Float16Array, which Node-API does not name yet
        _ => 4,
    }
}

fn find(value: Js) -> Option<(*const u8, usize, sys::napi_value)> {
    let (mut data, mut len, mut buffer, mut offset) = (ptr::null_mut(), 0, ptr::null_mut(), 0);
    let (mut kind, mut yes) = (0, false);
    // SAFETY: live handles; each call is made only on what the one before found, and `data` is read only within `len`.
    unsafe {
        let env = value.env;
        sys::napi_is_typedarray(env, value.raw, &mut yes);
        if yes {
            let info =
                sys::napi_get_typedarray_info(env, value.raw, &mut kind, &mut len, &mut data, &mut buffer, &mut offset);
            let bytes = len * size_of_element(kind);
            return (info == sys::Status::napi_ok).then_some((data.cast_const().cast(), bytes, buffer));
        }
        sys::napi_is_dataview(env, value.raw, &mut yes);
        if yes {
            let info = sys::napi_get_dataview_info(env, value.raw, &mut len, &mut data, &mut buffer, &mut offset);
            return (info == sys::Status::napi_ok).then_some((data.cast_const().cast(), len, buffer));
        }
        sys::napi_is_arraybuffer(env, value.raw, &mut yes);
        if yes {
            let info = sys::napi_get_arraybuffer_info(env, value.raw, &mut data, &mut len);
            return (info == sys::Status::napi_ok).then_some((data.cast_const().cast(), len, value.raw));
        }
    }
    None
}
