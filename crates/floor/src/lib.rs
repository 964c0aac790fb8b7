//! Functions in raw Node-API, without wasm: the floor under every call that crosses the boundary.

use std::ffi::CStr;
use std::ptr;

use napi_sys as sys;

/// Does nothing.
unsafe extern "C" fn noop(_: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    ptr::null_mut()
}

/// Adds two 32-bit integers.
unsafe extern "C" fn add(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut args, mut sum) = (2, [ptr::null_mut(); 2], ptr::null_mut());
    let (mut a, mut b) = (0, 0);
    // SAFETY: room for two arguments, and places for what is read of them.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            args.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        sys::napi_get_value_int32(env, args[0], &mut a);
        sys::napi_get_value_int32(env, args[1], &mut b);
        sys::napi_create_int32(env, i32::wrapping_add(a, b), &mut sum);
    }
    sum
}

/// `callLoop(f, n)` calls `f(i)` n times, with a scope for each 256 calls.
unsafe extern "C" fn call_loop(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut args, mut this, mut n) = (2, [ptr::null_mut(); 2], ptr::null_mut(), 0);
    // SAFETY: as above; every scope is closed before the next is opened.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            args.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        sys::napi_get_value_int32(env, args[1], &mut n);
        sys::napi_get_undefined(env, &mut this);
        let mut i = 0;
        while i < n {
            let mut scope = ptr::null_mut();
            sys::napi_open_handle_scope(env, &mut scope);
            for _ in 0..256.min(n - i) {
                let (mut argument, mut result, mut value) = (ptr::null_mut(), ptr::null_mut(), 0);
                sys::napi_create_int32(env, i, &mut argument);
                sys::napi_call_function(env, this, args[0], 1, &argument, &mut result);
                sys::napi_get_value_int32(env, result, &mut value);
                i += 1;
            }
            sys::napi_close_handle_scope(env, scope);
        }
    }
    ptr::null_mut()
}

/// A place that callgrind finds by its name.
///
/// # Safety
/// Only Node calls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_mark(_: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    ptr::null_mut()
}

/// Called by Node when it loads the addon.
///
/// # Safety
/// Only Node calls it, with an environment and the exports object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(env: sys::napi_env, exports: sys::napi_value) -> sys::napi_value {
    let functions: [(&CStr, sys::napi_callback); 4] = [
        (c"noop", Some(noop)),
        (c"add", Some(add)),
        (c"callLoop", Some(call_loop)),
        (c"mark", Some(cwasm_mark)),
    ];
    for (name, function) in functions {
        let mut value = ptr::null_mut();
        // SAFETY: live handles of this environment, and names that end with NUL.
        unsafe {
            sys::napi_create_function(env, name.as_ptr(), -1, function, ptr::null_mut(), &mut value);
            sys::napi_set_named_property(env, exports, name.as_ptr(), value);
        }
    }
    exports
}
