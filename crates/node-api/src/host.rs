//! Wasm to JavaScript: host functions, and the handles through which they are called.
//!
//! A host function is a closure that the facade makes for the signature (lib/call.ts). It lives in the store's host table,
//! or in the function table of a linker that the host table points to. [`host_call`] writes the arguments into the slots,
//! leaves the store's context in `top` and calls it without arguments; its `this` is the host table.
//!
//! What a host function throws goes through wasm as an exception of wasm ([`crate::exception`]), or stays pending in the
//! environment while wasm unwinds. Either way it comes out of the outermost call as the same value.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use napi::sys;
use wasmtime::{AsContextMut, Caller, FuncType, StoreContextMut, ValRaw};

use crate::error::{Error, Failure, Result};
use crate::js::{Js, check};
use crate::sig::Sig;
use crate::store_core::{Core, Data};
use crate::val::{refs_in, refs_out};
use crate::{exception, host_suspended, trap};

/// The JavaScript functions that wasm of a store calls, as far as native code must know them.
pub struct Hosts {
    /// Function tables that the host table points to, by the numbers of their linkers; 0 is the store's own, at place 0.
    tables: RefCell<Vec<u64>>,
    /// Handles of functions, made by the calls under way, by table and index.
    handles: RefCell<Vec<Vec<sys::napi_value>>>,
    /// Which of them were made, in order, so that a call that ends takes its own away; and how many.
    made: RefCell<Vec<(u32, u32)>>,
    count: Cell<usize>,
    table: Cell<sys::napi_value>,
    /// What JavaScript returns to us takes a handle, so a guest that calls in a loop needs its scope renewed.
    scope: Cell<sys::napi_handle_scope>,
    calls: Cell<u32>,
}

impl Default for Hosts {
    fn default() -> Hosts {
        Hosts {
            tables: RefCell::new(vec![0]),
            handles: RefCell::default(),
            made: RefCell::default(),
            count: Cell::new(0),
            table: Cell::new(ptr::null_mut()),
            scope: Cell::new(ptr::null_mut()),
            calls: Cell::new(0),
        }
    }
}

/// Where a call into wasm began.
pub struct Mark {
    made: usize,
    scope: sys::napi_handle_scope,
    calls: u32,
}

/// The mark in `made` of the handle of the host table itself.
const TABLE: u32 = u32::MAX;

impl Hosts {
    /// Called before wasm may run.
    #[inline(always)]
    pub fn begin(&self) -> Mark {
        Mark {
            made: self.count.get(),
            scope: self.scope.replace(ptr::null_mut()),
            calls: self.calls.get(),
        }
    }
    /// Called when wasm has returned: handles made meanwhile are about to die.
    #[inline(always)]
    pub fn end(&self, env: sys::napi_env, mark: Mark) {
        if self.count.get() != mark.made || !self.scope.get().is_null() {
            self.forget(env, mark.made);
        }
        self.scope.set(mark.scope);
        self.calls.set(mark.calls);
    }
    #[cold]
    fn forget(&self, env: sys::napi_env, keep: usize) {
        self.close_scope(env);
        let mut handles = self.handles.borrow_mut();
        self.count.set(keep);
        for (table, index) in self.made.borrow_mut().drain(keep..) {
            if table == TABLE {
                self.table.set(ptr::null_mut());
            } else {
                handles[table as usize][index as usize] = ptr::null_mut();
            }
        }
    }
    fn remember(&self, made: (u32, u32)) {
        self.made.borrow_mut().push(made);
        self.count.set(self.count.get() + 1);
    }
    fn close_scope(&self, env: sys::napi_env) {
        let scope = self.scope.replace(ptr::null_mut());
        if !scope.is_null() {
            // SAFETY: opened by `renew_scope` in this call into wasm, and the innermost one.
            unsafe { sys::napi_close_handle_scope(env, scope) };
        }
    }
    /// Opens a scope for what JavaScript returns, anew every 256 calls.
    #[inline(always)]
    fn renew_scope(&self, env: sys::napi_env) {
        let calls = self.calls.get();
        self.calls.set(calls.wrapping_add(1));
        if self.scope.get().is_null() || calls.is_multiple_of(256) {
            self.close_scope(env);
            let mut scope = ptr::null_mut();
            // SAFETY: closed by `close_scope` before the native call that we are in returns.
            unsafe { sys::napi_open_handle_scope(env, &mut scope) };
            self.scope.set(scope);
        }
    }

    /// The place of a linker's function table, if this store has it.
    fn place(&self, linker: u64) -> Option<u32> {
        self.tables
            .borrow()
            .iter()
            .position(|&known| known == linker)
            .map(|place| place as u32)
    }
    /// Makes the host table point to the functions of a linker, which is `object`, or an `InstancePre` of it.
    pub fn add_linker(&self, core: &Core, linker: u64, object: Js) -> Result<()> {
        if self.place(linker).is_none() {
            let place = Js::number(core.env, self.tables.borrow().len() as f64)?;
            core.data.call(core.env, "link", &[core.table()?, place, object])?;
            self.tables.borrow_mut().push(linker);
        }
        Ok(())
    }

    /// Handles of the host table and of a function in it, which live as long as the call into wasm that is under way.
    #[inline(always)]
    fn find(&self, core: &Core, linker: u64, index: u32) -> Result<(sys::napi_value, sys::napi_value)> {
        let place = if linker == 0 {
            0
        } else {
            self.place(linker).unwrap_or(TABLE)
        };
        let known = self
            .handles
            .borrow()
            .get(place as usize)
            .and_then(|list| list.get(index as usize).copied());
        match known {
            Some(function) if !function.is_null() => Ok((self.table.get(), function)),
            _ => self.look_up(core, place, index),
        }
    }
    #[cold]
    fn look_up(&self, core: &Core, place: u32, index: u32) -> Result<(sys::napi_value, sys::napi_value)> {
        // The handles must outlive the scope that is renewed.
        self.close_scope(core.env);
        if self.table.get().is_null() {
            self.table.set(core.table()?.raw);
            self.remember((TABLE, 0));
        }
        let table = Js {
            env: core.env,
            raw: self.table.get(),
        };
        let function = table.get("links")?.index(place)?.index(index)?;
        if function.kind() != sys::ValueType::napi_function {
            return Err(Error::internal("a host function is gone").into());
        }
        let mut handles = self.handles.borrow_mut();
        let (place_at, index_at) = (place as usize, index as usize);
        if handles.len() <= place_at {
            handles.resize(place_at + 1, Vec::new());
        }
        let list = &mut handles[place_at];
        if list.len() <= index_at {
            list.resize(index_at + 1, ptr::null_mut());
        }
        list[index_at] = function.raw;
        self.remember((place, index));
        Ok((table.raw, function.raw))
    }
}

/// A JavaScript function that wasm can call: which one, and its type.
pub struct HostFunc {
    /// The linker that has it; 0 where it is the store's own.
    pub linker: u64,
    pub index: u32,
    pub sig: Arc<Sig>,
}

/// Called by wasm.
pub fn host_call(
    mut caller: Caller<'_, Data>,
    space: &mut [MaybeUninit<ValRaw>],
    host: &HostFunc,
) -> wasmtime::Result<()> {
    let owner = caller.data().core;
    let Some(core) = owner.get() else {
        return Err(trap::error(Error::internal(
            "a JavaScript function was called off the JavaScript thread",
        )));
    };
    if core.fibers.active() {
        return host_suspended::host_call(core, caller.as_context_mut(), space, host);
    }
    let sig = &*host.sig;
    // SAFETY: Wasmtime gives as many initialized slots as the function has parameters.
    let arguments = unsafe { &mut *(&raw mut space[..sig.params] as *mut [ValRaw]) };
    if !sig.plain {
        refs_out(core, caller.as_context_mut(), arguments, &sig.param_refs).map_err(trap::carry)?;
    }
    let slots = core.data.slots();
    // SAFETY: the environment has more slots than any function has parameters.
    unsafe { ptr::copy_nonoverlapping(arguments.as_ptr(), slots, sig.params) };
    if core.grew.get() {
        core.compare_views(caller.as_context_mut());
    }
    // SAFETY: `StoreContextMut` is repr(transparent) over a reference. `caller` is not touched until `top` is taken back.
    let top = unsafe { std::mem::transmute::<StoreContextMut<'_, Data>, *mut c_void>(caller.as_context_mut()) };
    core.top.set(top);
    let called = core.call_host(host).map_err(|failure| match failure {
        Failure::Thrown => Ok(exception::catch(core)),
        other => Err(other),
    });
    core.top.set(ptr::null_mut());
    if let Err(failure) = called {
        return Err(match failure {
            Ok(caught) => exception::throw(core, caller.as_context_mut(), caught),
            Err(other) => trap::carry(other),
        });
    }
    core.usable().map_err(trap::carry)?;
    // SAFETY: the facade has written the results, and nothing has run since; `space` has room for them.
    let results = unsafe {
        ptr::copy_nonoverlapping(slots, space.as_mut_ptr().cast(), sig.results);
        &mut *(&raw mut space[..sig.results] as *mut [ValRaw])
    };
    if sig.plain {
        return Ok(());
    }
    refs_in(core, caller.as_context_mut(), results, &sig.result_refs).map_err(|failure| {
        core.top.set(top);
        let refused = exception::refuse(core, failure);
        core.top.set(ptr::null_mut());
        exception::throw(core, caller.as_context_mut(), refused)
    })
}

impl Core {
    #[inline(always)]
    pub fn call_host(&self, host: &HostFunc) -> Result<()> {
        let (this, function) = self.hosts.find(self, host.linker, host.index)?;
        self.hosts.renew_scope(self.env);
        // SAFETY: both handles are of a scope that outlives the call into wasm we are in.
        check(unsafe { sys::napi_call_function(self.env, this, function, 0, ptr::null(), ptr::null_mut()) })
    }

    /// Makes a function of this store out of one that the facade has put into the host table.
    pub fn host_func(
        &self,
        context: &mut StoreContextMut<'_, Data>,
        ty: FuncType,
        sig: &Arc<Sig>,
        index: u32,
    ) -> wasmtime::Func {
        let host = HostFunc {
            linker: 0,
            index,
            sig: sig.clone(),
        };
        // SAFETY: `host_call` reads and writes the slots by `sig`, which is made of `ty`.
        unsafe { wasmtime::Func::new_unchecked(context, ty, move |caller, space| host_call(caller, space, &host)) }
    }
}
