//! Host functions: functions of C that guests import.

use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};

use wasmtime::{Caller, FuncType, Linker, Trap, Val};

use crate::caller::cwasm_caller;
use crate::engine::cwasm_engine;
use crate::error::{CWASM_ARGUMENT, CWASM_TYPE, Failure, HostError, WrongResults, cwasm_error, report};
use crate::handle::{free, given, hand_out, text, values};
use crate::instance::Data;
use crate::value::{CWASM_MAX_VALUES, NO_VALUES, cwasm_val, too_many, ty};

/// A host function. It has as many arguments and results as it was defined with; `results` have their types already and are 0. It
/// returns 0, or any other number, which ends the guest's call with `CWASM_HOST`. It must return: no `longjmp`, no exception.
pub type cwasm_callback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        caller: *const cwasm_caller,
        args: *const cwasm_val,
        args_len: usize,
        results: *mut cwasm_val,
        results_len: usize,
    ) -> c_int,
>;

/// Host functions by the names that guests import them with.
pub struct cwasm_linker {
    pub linker: Linker<Data>,
}

/// What goes with a callback.
struct User(*mut c_void);
// SAFETY: `cwasm_linker_define` says that it may be used on every thread that guests run on.
unsafe impl Send for User {}
// SAFETY: the same.
unsafe impl Sync for User {}
impl User {
    fn pointer(&self) -> *mut c_void {
        self.0
    }
}

/// Makes a linker, for modules of this engine.
///
/// # Safety
/// `engine` is null or a living handle, and `out` points to where the handle goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_linker_new(
    engine: *const cwasm_engine,
    out: *mut *mut cwasm_linker,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let linker = Linker::new(&unsafe { given(engine, "engine") }?.engine);
        // SAFETY: the caller's contract.
        unsafe { hand_out(out, cwasm_linker { linker }) }
    })
}

/// Defines a host function. `user` is handed to it, on whatever thread the guest runs.
///
/// # Safety
/// `linker` is null or a living handle that no other thread uses, names end in zero bytes, there are so many types at `params` and
/// `results`, and `callback` is null or does what its type says as long as the linker or an instance made with it lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_linker_define(
    linker: *mut cwasm_linker,
    module: *const c_char,
    name: *const c_char,
    params: *const u32,
    params_len: usize,
    results: *const u32,
    results_len: usize,
    callback: cwasm_callback,
    user: *mut c_void,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (module, name, params, results) = unsafe {
            given(linker, "linker")?;
            let names = (text(module, "module")?, text(name, "name")?);
            (
                names.0,
                names.1,
                values(params, params_len, "params")?,
                values(results, results_len, "results")?,
            )
        };
        let callback = callback.ok_or(Failure::null("callback"))?;
        if params.len() > CWASM_MAX_VALUES || results.len() > CWASM_MAX_VALUES {
            return Err(too_many());
        }
        let types = |kinds: &[u32]| kinds.iter().map(|kind| ty(*kind)).collect::<Option<Vec<_>>>();
        let (params, results) = types(params).zip(types(results)).ok_or(Failure::Text(
            CWASM_TYPE,
            "types of host functions are CWASM_I32 to CWASM_V128",
        ))?;
        // SAFETY: the caller's contract: nobody else has it.
        let linker = unsafe { &mut (*linker).linker };
        let func = FuncType::new(linker.engine(), params, results.iter().cloned());
        let zeros: Vec<Val> = results.iter().filter_map(Val::default_for_ty).collect();
        let user = User(user);
        let defined = linker.func_new(module, name, func, move |mut caller, args, returned| {
            host_call(callback, user.pointer(), &mut caller, args, &zeros, returned)
        });
        defined
            .map(drop)
            .map_err(|error| Failure::Wasmtime(CWASM_ARGUMENT, error))
    })
}

fn host_call(
    callback: unsafe extern "C" fn(
        *mut c_void,
        *const cwasm_caller,
        *const cwasm_val,
        usize,
        *mut cwasm_val,
        usize,
    ) -> c_int,
    user: *mut c_void,
    caller: &mut Caller<'_, Data>,
    args: &[Val],
    zeros: &[Val],
    returned: &mut [Val],
) -> wasmtime::Result<()> {
    if caller.data().is_at_the_end() {
        return Err(Trap::StackOverflow.into());
    }
    let (mut given, mut results) = (NO_VALUES, NO_VALUES);
    for (given, arg) in given.iter_mut().zip(args) {
        *given = cwasm_val::of(arg).ok_or(WrongResults)?;
    }
    for (result, zero) in results.iter_mut().zip(zeros) {
        *result = cwasm_val::of(zero).ok_or(WrongResults)?;
    }
    let handle = cwasm_caller::new(caller);
    // SAFETY: the contract of `cwasm_linker_define`; there are so many arguments and results.
    let status = unsafe {
        callback(
            user,
            &handle,
            given.as_ptr(),
            args.len(),
            results.as_mut_ptr(),
            returned.len(),
        )
    };
    if status != 0 {
        return Err(HostError(status).into());
    }
    for ((returned, result), zero) in returned.iter_mut().zip(&results).zip(zeros) {
        let expected = cwasm_val::of(zero).map(|zero| zero.kind);
        *returned = result
            .read()
            .filter(|_| Some(result.kind) == expected)
            .ok_or(WrongResults)?;
    }
    Ok(())
}

/// Frees a linker; instances live on, and with them the callbacks they have.
///
/// # Safety
/// `linker` is null or a handle that is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_linker_free(linker: *mut cwasm_linker) {
    // SAFETY: the caller's contract.
    unsafe { free(linker) }
}
