//! How a call travels, in both directions. docs/design.md, section 4, has the whole picture.
//!
//! **JavaScript to wasm.** An exported function is a closure that the facade makes for the signature (lib/call.ts). It
//! coerces its arguments into locals, writes them and the header into the environment's slots, and calls [`enter`], which
//! takes no argument. Nothing else may use the slots between the writing of the arguments and their reading by wasm, nor
//! between the writing of the results and their reading by the closure.
//!
//! **Wasm to JavaScript.** A host function is a closure of the same kind, which lives in the store's host table, or in the
//! function table of a linker that the host table points to. [`host_call`] writes the arguments into the slots, leaves the
//! store's context in `top` and calls it without arguments; its `this` is the host table.
//!
//! An exception that a host function throws stays pending in the environment while wasm unwinds, and comes out of the
//! outermost call as the same value.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use napi::sys;
use napi_derive::napi;
use wasmtime::{AsContextMut, Caller, FuncType, StoreContextMut, ValRaw};

use crate::env::EnvData;
use crate::error::{Error, Result, guard};
use crate::gc;
use crate::js::{Js, check};
use crate::sig::{Refs, Sig};
use crate::store::{Core, Data, Store};
use crate::trap;
use crate::types;

/// Up to so many slots of a call are on the stack.
const FEW: usize = 16;

/// The functions of a store that JavaScript has seen, by number from 1. The same wasm function has the same number, so the
/// facade finds the same JavaScript function for it.
#[derive(Default)]
pub struct Funcs {
    list: RefCell<Vec<Entry>>,
    by_identity: RefCell<HashMap<[usize; 2], u32>>,
}

struct Entry {
    func: wasmtime::Func,
    sig: Arc<Sig>,
    /// Whether it may work on the environment's slots themselves: see [`Core::call`].
    in_place: bool,
}

impl Funcs {
    /// The number of a function. `sig` is looked up in the store where the caller does not know it.
    pub fn number(
        &self,
        context: &mut StoreContextMut<'_, Data>,
        func: wasmtime::Func,
        sig: Option<&Arc<Sig>>,
    ) -> u32 {
        let raw = func.to_raw(&mut *context).cast_const().cast::<usize>();
        // SAFETY: a raw funcref of Wasmtime points to a `VMFuncRef`, repr(C): two entry points, a type index, the context.
        // Each instance that imports a function has one of its own, but the first entry point and the context are the
        // function's. Layout and meaning are those of the pinned version; specs of identity stand guard over updates.
        let identity = unsafe { [raw.read(), raw.add(3).read()] };
        *self
            .by_identity
            .borrow_mut()
            .entry(identity)
            .or_insert_with(|| {
                let sig = sig
                    .cloned()
                    .unwrap_or_else(|| Sig::new(&func.ty(&*context)));
                // SAFETY: every context of Wasmtime begins with four bytes that say what it is the context of.
                let is_wasm = unsafe { (identity[1] as *const [u8; 4]).read() } == *b"core";
                let in_place = is_wasm && sig.plain;
                let mut list = self.list.borrow_mut();
                list.push(Entry {
                    func,
                    sig,
                    in_place,
                });
                list.len() as u32
            })
    }
    pub fn get(&self, number: u32) -> Result<wasmtime::Func> {
        Ok(self.entry(number)?.0)
    }
    fn sig(&self, number: u32) -> Result<&Sig> {
        Ok(self.entry(number)?.1)
    }
    #[inline(always)]
    fn entry(&self, number: u32) -> Result<(wasmtime::Func, &Sig, bool)> {
        match self.list.borrow().get((number as usize).wrapping_sub(1)) {
            // SAFETY: nothing is ever taken off the list, and a signature stays where it is when the list grows.
            Some(Entry {
                func,
                sig,
                in_place,
            }) => Ok((*func, unsafe { &*Arc::as_ptr(sig) }, *in_place)),
            None => Err(Error::internal("there is no function of this number").into()),
        }
    }
}

/// The one way from JavaScript into wasm: a raw Node-API function without arguments. The header says what is called; beside
/// functions (positive numbers) there are two questions the facade may ask.
pub unsafe extern "C" fn enter(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut data: *mut c_void = ptr::null_mut();
    // SAFETY: `data` is what `init` gave the function: the environment's data, which outlives every call. A store in its
    // list is alive: it is taken off by the finalizer of its host table, which every caller holds.
    let (data, core, number) = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut data,
        );
        let data = &*data.cast::<EnvData>();
        let (number, store) = data.header();
        (data, data.store(store).as_ref(), number)
    };
    let result = match core {
        None => Err(Error::internal("there is no store of this number").into()),
        Some(core) if number > 0 => match core.call(data, number as u32) {
            Ok(()) => return ptr::null_mut(),
            Err(failure) => Err(failure),
        },
        // Which externref values has the guest let go?
        Some(core) if number == 0 => {
            let freed = core
                .freed
                .take()
                .into_iter()
                .map(|number| Js::number(env, number.into()));
            Js::array(env, freed)
        }
        // What is the signature of this function?
        Some(core) => core
            .funcs
            .sig(number.unsigned_abs())
            .and_then(|sig| Js::string(env, &sig.text)),
    };
    match result {
        Ok(value) => value.raw,
        Err(failure) => {
            failure.throw(env);
            ptr::null_mut()
        }
    }
}

impl Core {
    /// Calls an exported function with what is in the slots. Panics are caught by [`Core::enter_now`].
    #[inline(always)]
    fn call(&self, data: &EnvData, number: u32) -> Result<()> {
        let (func, sig, in_place) = self.funcs.entry(number)?;
        if !in_place {
            return self.call_on_copy(data, func, sig);
        }
        // Compiled code takes all arguments out of the slots before it does anything else, and puts the results in when all
        // is done, so what uses the slots in between does no harm.
        let slots = ptr::slice_from_raw_parts_mut(data.slots(), sig.slots());
        // SAFETY: the slots hold arguments of the function's type: the facade wrote them by the signature we gave it. This
        // store is the function's: its number is from this store's list.
        self.enter_now(|context| {
            unsafe { func.call_unchecked(context, slots) }.map_err(trap::failure)
        })?
    }

    /// The same for references, which are made of what is in the slots, and for host functions, which have a Rust reference to
    /// their slots.
    #[inline(never)]
    fn call_on_copy(&self, data: &EnvData, func: wasmtime::Func, sig: &Sig) -> Result<()> {
        let slots = data.slots();
        let mut few = [ValRaw::i32(0); FEW];
        let mut many = Vec::new();
        let stack = if sig.slots() <= FEW {
            &mut few[..sig.slots()]
        } else {
            many.resize(sig.slots(), ValRaw::i32(0));
            &mut many[..]
        };
        // SAFETY: both have so many slots; those of the environment are always initialized (the facade's ArrayBuffer).
        unsafe { ptr::copy_nonoverlapping(slots, stack.as_mut_ptr(), sig.params) };
        let entered = self.enter_now(|mut context| -> Result<()> {
            refs_in(
                self,
                &mut context,
                &mut stack[..sig.params],
                &sig.param_refs,
            )?;
            // SAFETY: as in `call`; references were made just now.
            unsafe { func.call_unchecked(&mut context, &raw mut *stack) }.map_err(trap::failure)?;
            refs_out(
                self,
                &mut context,
                &mut stack[..sig.results],
                &sig.result_refs,
            )
        });
        if entered.is_err() {
            self.give_back(data, sig);
        }
        entered??;
        // SAFETY: as for the copy above; nothing else runs before JavaScript reads them.
        unsafe { ptr::copy_nonoverlapping(stack.as_ptr(), slots, sig.results) };
        Ok(())
    }

    /// The store could not be entered: the guest never got the values that JavaScript has numbered for it.
    #[cold]
    fn give_back(&self, data: &EnvData, sig: &Sig) {
        for &place in &sig.param_refs.externs {
            // SAFETY: nothing has run, so the slots are as JavaScript wrote them.
            self.freed
                .push(unsafe { (*data.slots().add(place.into())).get_u32() });
        }
    }
}

/// Numbers that JavaScript wrote become references.
#[inline(never)]
fn refs_in(
    core: &Core,
    context: &mut StoreContextMut<'_, Data>,
    slots: &mut [ValRaw],
    refs: &Refs,
) -> Result<()> {
    if let Some(ty) = &refs.unknown {
        return Err(crate::val::no_way(ty).into());
    }
    for &place in &refs.funcs {
        let slot = &mut slots[usize::from(place)];
        let raw = match slot.get_u32() {
            0 => ptr::null_mut(),
            number => core.funcs.get(number)?.to_raw(&mut *context),
        };
        *slot = ValRaw::funcref(raw);
    }
    if refs.externs.is_empty() {
        Ok(())
    } else {
        gc::externs_in(core, context, slots, &refs.externs)
    }
}

/// References become numbers that JavaScript can look up.
#[inline(never)]
fn refs_out(
    core: &Core,
    context: &mut StoreContextMut<'_, Data>,
    slots: &mut [ValRaw],
    refs: &Refs,
) -> Result<()> {
    if let Some(ty) = &refs.unknown {
        return Err(crate::val::no_way(ty).into());
    }
    for &place in &refs.funcs {
        let slot = &mut slots[usize::from(place)];
        // SAFETY: wasm of this store put a funcref of this store into the slot.
        let func = unsafe { wasmtime::Func::from_raw(&mut *context, slot.get_funcref()) };
        let number = func.map_or(0, |func| core.funcs.number(context, func, None));
        *slot = ValRaw::u32(number);
    }
    if refs.externs.is_empty() {
        Ok(())
    } else {
        gc::externs_out(context, slots, &refs.externs)
    }
}

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
        if self.scope.get().is_null() || calls % 256 == 0 {
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
    /// Makes the host table point to a linker's functions.
    pub fn add_linker(&self, core: &Core, linker: u64, functions: Js) -> Result<()> {
        if self.place(linker).is_none() {
            let place = self.tables.borrow().len() as u32;
            core.table()?.get("links")?.set_index(place, functions)?;
            self.tables.borrow_mut().push(linker);
        }
        Ok(())
    }

    /// Handles of the host table and of a function in it, which live as long as the call into wasm that is under way.
    #[inline(always)]
    fn find(
        &self,
        core: &Core,
        linker: u64,
        index: u32,
    ) -> Result<(sys::napi_value, sys::napi_value)> {
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
    fn look_up(
        &self,
        core: &Core,
        place: u32,
        index: u32,
    ) -> Result<(sys::napi_value, sys::napi_value)> {
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
    let sig = &*host.sig;
    // SAFETY: Wasmtime gives as many initialized slots as the function has parameters.
    let arguments = unsafe { &mut *(&raw mut space[..sig.params] as *mut [ValRaw]) };
    if !sig.plain {
        refs_out(
            core,
            &mut caller.as_context_mut(),
            arguments,
            &sig.param_refs,
        )
        .map_err(trap::carry)?;
    }
    let slots = core.data.slots();
    // SAFETY: the environment has more slots than any function has parameters.
    unsafe { ptr::copy_nonoverlapping(arguments.as_ptr(), slots, sig.params) };
    if core.grew.get() {
        core.compare_views(caller.as_context_mut());
    }
    // SAFETY: `StoreContextMut` is repr(transparent) over a reference. `caller` is not touched until `top` is taken back.
    let top = unsafe {
        std::mem::transmute::<StoreContextMut<'_, Data>, *mut c_void>(caller.as_context_mut())
    };
    core.top.set(top);
    let called = core.call_host(host);
    core.top.set(ptr::null_mut());
    called.and_then(|()| core.usable()).map_err(trap::carry)?;
    // SAFETY: the facade has written the results, and nothing has run since; `space` has room for them.
    let results = unsafe {
        ptr::copy_nonoverlapping(slots, space.as_mut_ptr().cast(), sig.results);
        &mut *(&raw mut space[..sig.results] as *mut [ValRaw])
    };
    if sig.plain {
        return Ok(());
    }
    refs_in(
        core,
        &mut caller.as_context_mut(),
        results,
        &sig.result_refs,
    )
    .map_err(trap::carry)
}

impl Core {
    #[inline(always)]
    fn call_host(&self, host: &HostFunc) -> Result<()> {
        let (this, function) = self.hosts.find(self, host.linker, host.index)?;
        self.hosts.renew_scope(self.env);
        // SAFETY: both handles are of a scope that outlives the call into wasm we are in.
        check(unsafe {
            sys::napi_call_function(self.env, this, function, 0, ptr::null(), ptr::null_mut())
        })
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
        unsafe {
            wasmtime::Func::new_unchecked(context, ty, move |caller, space| {
                host_call(caller, space, &host)
            })
        }
    }
}

/// Functions of wasm are plain JavaScript functions; this is where host functions get a wasm type.
#[napi]
pub struct Func {}

#[napi]
impl Func {
    /// There is no such constructor; napi would throw an error without a class.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: napi::Env) -> napi::Result<Self> {
        guard(env.raw(), || {
            Err(Error::type_error("Func has no constructor: use Func.wrap").into())
        })
    }

    /// Makes a wasm function of a JavaScript one: to be put into a table or a global, or passed as an import. The result is
    /// an exported function of the store: it coerces its arguments by `type`, and `fn`'s result too.
    ///
    /// Throws `TypeError` for a type that is none.
    ///
    /// @example
    /// ```ts
    /// const double = Func.wrap(store, { parameters: ['i32'], results: ['i32'] }, x => x * 2)
    /// table.set(0, double)
    /// ```
    #[napi(
        ts_args_type = "store: Store, type: FuncType, fn: (...args: any[]) => unknown",
        ts_return_type = "ExportedFunction"
    )]
    pub fn wrap(store: Js, ty: Js, function: Js) -> napi::Result<Js> {
        let env = store.env;
        guard(env, || {
            let core = &store.class::<Store>("store")?.core;
            let ty = types::func_type(&core.engine.engine, ty)?;
            let function = function.to_function("fn")?;
            let sig = Sig::new(&ty);
            if let Some(unknown) = sig
                .param_refs
                .unknown
                .as_ref()
                .or(sig.result_refs.unknown.as_ref())
            {
                return Err(crate::val::no_way(unknown).into());
            }
            core.usable()?;
            let table = core.table()?;
            let index = table
                .invoke("import", &[Js::string(env, &sig.text)?, function])?
                .to_u32("index")?;
            let number = core.enter(|mut context| {
                let func = core.host_func(&mut context, ty, &sig, index);
                core.funcs.number(&mut context, func, Some(&sig))
            })?;
            table.invoke("func", &[Js::number(env, number.into())?])
        })
    }
}
