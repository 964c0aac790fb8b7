//! The [`Core`] behind a `Store`, which every handle of the store shares.
//!
//! **Who owns whom.** A Wasmtime store sits in a `Core`, an `Rc` that the JavaScript `Store`, each handle of the store
//! (instances, memories, globals, tables) and each zero-copy memory view hold. Native code holds no strong reference to
//! anything in JavaScript: imports, externref values and function objects sit in the store's *host table*
//! (lib/host-table.ts), a JavaScript object to which we have a weak reference and numbers. So a cycle of closures,
//! instances and stores is one the JavaScript collector sees and frees.
//!
//! **Re-entrance.** Wasm runs inside [`Core::enter`]. A host function leaves the context it was given in `top`
//! ([`crate::host`]); whoever comes back in from JavaScript uses that one. The contract behind the unsafe code: who sets
//! `top` does not touch its own borrow until the JavaScript call returns, and `enter` takes `top` away while it uses it.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::sys;
use wasmtime::{AsContextMut, StoreContextMut};

use crate::brake::{self, Brake, Worker};
use crate::call_async::Calls;
use crate::engine::{Engine, EngineParts};
use crate::env::EnvData;
use crate::error::{Error, Failure, Result, panicked};
use crate::externs::Externs;
use crate::fiber::{Body, Fibers};
use crate::func::Funcs;
use crate::host::Hosts;
use crate::js::{Js, check};
use crate::limits::{Limiter, Limits};
use crate::page::Page;
use crate::shape::Shape;
use crate::ticker::Ticks;
use crate::views::Views;
use crate::{exception, gc, page, signals, stack, wasi};

/// What Wasmtime keeps for us in a store.
pub struct Data {
    /// The `Core` this store sits in.
    pub core: Owner,
    pub limits: Limiter,
    pub wasi: wasi::State,
    /// What stops the guests.
    pub brake: Brake,
    /// What their checks read, once there is a guest that has some.
    pub page: page::Held,
}

impl Data {
    /// Of a store in which nothing runs.
    pub fn of_nobody() -> Data {
        Data {
            core: Owner::NONE,
            limits: Limiter::new(Limits::default(), Owner::NONE),
            wasi: Default::default(),
            brake: Brake::new(None, None),
            page: Default::default(),
        }
    }
}

/// A store's way to the `Core` it sits in; none in a store that may run off the JavaScript thread ([`crate::run`]).
#[derive(Clone, Copy)]
pub struct Owner(*const Core);

// SAFETY: the pointer is followed only on the thread that made it, to which a store with a `Core` is bound; in a store that
// travels to another thread there is none.
unsafe impl Send for Owner {}
// SAFETY: as above.
unsafe impl Sync for Owner {}

impl Owner {
    pub const NONE: Owner = Owner(ptr::null());
    pub fn get(&self) -> Option<&Core> {
        // SAFETY: a `Core` outlives the store that sits in it.
        unsafe { self.0.as_ref() }
    }
}

pub const RUNNING: u8 = 1;
const CLOSED: u8 = 2;
pub const POISONED: u8 = 4;
/// A guest is suspended in a function of its host's: what is done with the store is done by its fiber ([`crate::fiber`]).
pub const SUSPENDED: u8 = 8;
/// It is amid computing, until its next turn or on another thread: nothing is done with the store.
pub const ELSEWHERE: u8 = 16;

/// A store and what its handles need. See the head of this file.
pub struct Core {
    pub env: sys::napi_env,
    pub data: Rc<EnvData>,
    pub engine: Arc<EngineParts>,
    /// By this number JavaScript names the store in the slots' header.
    pub number: Cell<u32>,
    /// A weak reference to the host table; null before the table is bound.
    table: Cell<sys::napi_ref>,
    store: UnsafeCell<Option<Box<wasmtime::Store<Data>>>>,
    /// The context of the innermost host function that is running JavaScript.
    pub top: Cell<*mut c_void>,
    pub state: Cell<u8>,
    /// The host table went while a call was under way, and left its count of this Core to the call: V8 may collect a caller
    /// that has nothing left to do but to return.
    orphan: Cell<bool>,
    pub funcs: Funcs,
    pub externs: Externs,
    pub objects: gc::Objects,
    pub js_tag: exception::JsTag,
    /// The modules that run here.
    modules: RefCell<Vec<Rc<Shape>>>,
    /// By the numbers that JavaScript knows them by.
    instances: RefCell<Vec<wasmtime::Instance>>,
    pub hosts: Hosts,
    pub fibers: Fibers,
    pub calls: Calls,
    pub views: Views,
    /// Set by the limiter when a memory may have grown: then the views are compared.
    pub grew: Cell<bool>,
    /// Below this address no guest is called: see [`stack`].
    stack_floor: usize,
    /// What the checks of its guests read, once there is a guest that has some.
    pub page: RefCell<Option<Arc<Page>>>,
    /// Takes it away where it has come during the call that is under way.
    pub late: Cell<Option<Ticks>>,
    /// Whether there are guests that nothing can stop.
    pub unstoppable: Cell<bool>,
    /// How long a call from outside may last.
    pub timeout: Cell<Option<Duration>>,
    /// Whether there is such a limit: looked at by every call.
    pub has_timeout: Cell<bool>,
    /// When the call that is under way must end, as its brake has it too.
    pub deadline: Cell<Option<Instant>>,
    /// Makes the guests look whether their thread is being ended.
    pub watch: Cell<Option<Ticks>>,
    /// Bytes of linear memory, and how many of them V8's collector has been told of.
    pub bytes: Cell<i64>,
    reported: Cell<i64>,
    /// Numbers of externref values that the guest has let go.
    pub freed: gc::Freed,
}

impl Core {
    pub fn new(env: sys::napi_env, engine: &Engine, limits: Limits, wasi: wasi::State) -> Result<Rc<Core>> {
        let env_data = EnvData::of(env)?;
        env_data.sweep(env);
        let stack_floor = stack::floor(env_data.stack_end, engine.parts.settings.max_wasm_stack);
        let core = Rc::new(Core {
            env,
            data: env_data,
            engine: engine.parts.clone(),
            number: Cell::new(u32::MAX),
            table: Cell::new(ptr::null_mut()),
            store: UnsafeCell::new(None),
            top: Cell::new(ptr::null_mut()),
            state: Cell::new(0),
            orphan: Cell::new(false),
            funcs: Funcs::default(),
            externs: Externs::default(),
            objects: Default::default(),
            js_tag: Default::default(),
            modules: RefCell::default(),
            instances: RefCell::default(),
            hosts: Hosts::default(),
            fibers: Default::default(),
            calls: Default::default(),
            views: Views::default(),
            grew: Cell::new(false),
            stack_floor,
            page: RefCell::default(),
            late: Cell::default(),
            unstoppable: Cell::new(false),
            timeout: Cell::new(None),
            has_timeout: Cell::new(false),
            deadline: Cell::new(None),
            watch: Cell::new(None),
            bytes: Cell::new(0),
            reported: Cell::new(0),
            freed: Default::default(),
        });
        let owner = Owner(Rc::as_ptr(&core));
        let data = Data {
            core: owner,
            limits: Limiter::new(limits, owner),
            wasi,
            brake: Brake::new(Worker::of(env, &core.data), None),
            page: Default::default(),
        };
        core.watch.set(data.brake.watch(&engine.parts)?);
        let store = new_store(&engine.parts, data)?;
        // SAFETY: nobody else has the Core yet.
        unsafe { *core.store.get() = Some(Box::new(store)) };
        Ok(core)
    }

    /// Runs `body` with the store: the idle one, or the one a host function has left to us. It runs no wasm. A panic
    /// is caught, and the store is poisoned.
    pub fn enter<R>(&self, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> Result<R> {
        // One copy of the code for all callers: they are many, and few are in a hurry.
        #[inline(never)]
        fn erased(core: &Core, body: &mut dyn FnMut(StoreContextMut<'_, Data>)) -> Result<()> {
            core.enter_by(false, body)
        }
        let (mut body, mut result) = (Some(body), None);
        erased(self, &mut |context| result = body.take().map(|body| body(context)))?;
        result.ok_or_else(|| Error::internal("the body did not run").into())
    }

    /// The same for what may run wasm, compiled into the caller: for the path of every call.
    #[inline(always)]
    pub fn enter_now<R>(&self, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> Result<R> {
        self.enter_by(true, body)
    }
    #[inline(always)]
    fn enter_by<R>(&self, wasm: bool, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> Result<R> {
        let (top, state) = (self.top.get(), self.state.get());
        if state != 0 && (state != RUNNING || top.is_null()) {
            let (mut body, mut result) = (Some(body), None);
            self.enter_suspended(wasm, &mut |context| result = body.take().map(|body| body(context)))?;
            return result.ok_or_else(|| self.refusal());
        }
        // SAFETY: by the two checks either nothing uses the store, or the host function that set `top` waits for the
        // JavaScript that called us. `top` is taken away meanwhile, so this is the only context in use.
        let context = unsafe { self.context(top) };
        self.top.set(ptr::null_mut());
        self.state.set(RUNNING);
        let mark = self.hosts.begin();
        let result = catch_unwind(AssertUnwindSafe(|| body(context)));
        self.hosts.end(self.env, mark);
        self.top.set(top);
        self.state.set((self.state.get() & !RUNNING) | state);
        if self.grew.get() {
            // SAFETY: `body` and its context are done; as above.
            self.compare_views(unsafe { self.context(top) });
        }
        result.map_err(|panic| {
            self.state.set(self.state.get() | POISONED);
            panicked(panic).into()
        })
    }

    /// # Safety
    /// `top` is null and the store idle, or `top` was left by a host function that waits; and no other context is in use.
    #[inline(always)]
    unsafe fn context(&self, top: *mut c_void) -> StoreContextMut<'_, Data> {
        if top.is_null() {
            // SAFETY: the caller's; the store is there while the state is not CLOSED.
            unsafe {
                (&mut *self.store.get())
                    .as_deref_mut()
                    .expect("an open store")
                    .as_context_mut()
            }
        } else {
            // SAFETY: `StoreContextMut` is repr(transparent) over a reference, and `top` is one of this store's.
            unsafe { std::mem::transmute::<*mut c_void, StoreContextMut<'_, Data>>(top) }
        }
    }

    #[cold]
    fn enter_suspended(&self, wasm: bool, body: Body<'_>) -> Result<()> {
        if self.state.get() & (SUSPENDED | ELSEWHERE | CLOSED | POISONED) != SUSPENDED {
            return Err(self.refusal());
        }
        self.through(wasm, body)?;
        if self.grew.get() {
            self.compare_suspended()?;
        }
        Ok(())
    }

    #[cold]
    pub fn refusal(&self) -> Failure {
        let state = self.state.get();
        if state & POISONED != 0 {
            Error::internal("this store was in use when a Rust panic was caught, and can't be used any more").into()
        } else if state & CLOSED != 0 {
            Error::new("ClosedError", "this store is disposed").into()
        } else {
            self.busy()
        }
    }
    pub fn busy(&self) -> Failure {
        let message = if self.state.get() & ELSEWHERE != 0 {
            "a guest of this store is computing: it can be used when the call has ended, or calls a host function"
        } else if self.state.get() & SUSPENDED != 0 {
            "a call is under way in this store, whose guest waits: another can't begin until it has ended"
        } else {
            "this store is in use; from inside it only its host functions may use it"
        };
        Error::new("StoreBusyError", message).into()
    }
    /// What wasm has ended with.
    pub fn failure(&self, error: wasmtime::Error) -> Failure {
        match self.enter(|context| exception::failure(self, context, error)) {
            Ok(failure) | Err(failure) => failure,
        }
    }

    /// Refuses to run wasm where the thread has less stack than wasm may use. Inside of a guest the share of the outermost call
    /// goes on.
    #[inline(always)]
    pub fn has_stack(&self) -> Result<()> {
        if stack::is_above(self.stack_floor) || !self.top.get().is_null() {
            return Ok(());
        }
        Err(self.no_stack())
    }
    #[cold]
    fn no_stack(&self) -> Failure {
        let bytes = self.engine.settings.max_wasm_stack;
        let message = format!(
            "this thread has not enough stack left for a guest, which may use {bytes} bytes (maxWasmStack): call it from \
             less deep, or give the thread more (stackSizeMb)"
        );
        Error::range_error(message).into()
    }

    /// Whether a host function may go back into the guest.
    pub fn usable(&self) -> Result<()> {
        if self.state.get() & (POISONED | CLOSED) != 0 {
            Err(self.refusal())
        } else {
            Ok(())
        }
    }
    pub fn closed(&self) -> bool {
        self.state.get() & CLOSED != 0
    }

    /// Detaches the views of memories that grew, and tells V8 how much memory hangs on the store.
    pub fn compare_views(&self, context: StoreContextMut<'_, Data>) {
        self.grew.set(false);
        self.views.compare(self.env, context);
        self.report();
    }
    pub fn report(&self) {
        let change = self.bytes.get() - self.reported.get();
        if change != 0 {
            self.reported.set(self.bytes.get());
            self.data.grew(change.max(0));
            let mut total = 0;
            // SAFETY: `env` is the environment of this thread.
            unsafe { sys::napi_adjust_external_memory(self.env, change, &mut total) };
        }
    }

    /// Prepares for a module that is about to run here, and remembers it for [`Core::index_of`].
    pub fn runs(&self, shape: &Rc<Shape>) -> Result<()> {
        self.can_stop(shape.interruption)?;
        // On the main thread the facade does this when it is needed.
        if self.data.is_worker {
            signals::mend();
        }
        let mut modules = self.modules.borrow_mut();
        if !modules
            .iter()
            .any(|known| wasmtime::Module::same(&known.module, &shape.module))
        {
            modules.push(shape.clone());
        }
        Ok(())
    }
    /// What a module of this shape, which runs here, imports for its checks.
    pub fn page_for(&self, shape: &Shape) -> Option<Arc<Page>> {
        self.page().filter(|_| shape.interruption.has_checks())
    }
    pub fn page(&self) -> Option<Arc<Page>> {
        self.page.borrow().clone()
    }
    /// Gives an instance a number.
    pub fn keep_instance(&self, instance: wasmtime::Instance) -> Result<Js> {
        let mut instances = self.instances.borrow_mut();
        instances.push(instance);
        Js::number(self.env, (instances.len() - 1) as f64)
    }
    pub fn instance(&self, number: u32) -> Result<wasmtime::Instance> {
        let found = self.instances.borrow().get(number as usize).copied();
        Ok(found.ok_or_else(|| Error::internal("there is no instance of this number"))?)
    }
    /// The shape of a module that runs here.
    pub fn shape(&self, module: &wasmtime::Module) -> Result<Rc<Shape>> {
        let modules = self.modules.borrow();
        let shape = modules
            .iter()
            .find(|known| wasmtime::Module::same(&known.module, module));
        Ok(shape
            .ok_or_else(|| Error::internal("a module that does not run here"))?
            .clone())
    }
    /// The index of a function in its module, by where its code begins.
    pub fn index_of(&self, code: usize) -> Option<u32> {
        let modules = self.modules.borrow();
        modules.iter().find_map(|shape| shape.index_of(code))
    }

    /// After a call from JavaScript: drops a Core that its host table has left behind.
    ///
    /// # Safety
    /// The caller does not use it any more.
    #[inline(always)]
    pub unsafe fn bury(&self) {
        if self.orphan.get() && self.state.get() & RUNNING == 0 {
            self.orphan.set(false);
            // SAFETY: the count that `unbind` left, once.
            drop_quietly(unsafe { Rc::from_raw(self) });
        }
    }

    /// A count of this Core.
    pub fn held(&self) -> Rc<Core> {
        // SAFETY: every Core is made by `Core::new`, in an Rc, which is there now.
        unsafe {
            Rc::increment_strong_count(self);
            Rc::from_raw(self)
        }
    }

    /// The host table. It lives as long as anything that can still call into this store.
    pub fn table(&self) -> Result<Js> {
        let mut raw = ptr::null_mut();
        if !self.table.get().is_null() {
            // SAFETY: `table` is the reference made when the table was bound.
            check(unsafe { sys::napi_get_reference_value(self.env, self.table.get(), &mut raw) })?;
        }
        if raw.is_null() {
            return Err(Error::internal("the host table of a store is gone").into());
        }
        Ok(Js { env: self.env, raw })
    }

    /// Makes the host table and binds it: it holds the `Core`, and its weak reference is ours.
    pub fn bind(self: &Rc<Core>, owner: Js, engine: Js) -> Result<()> {
        let number = self.data.add_store(Rc::as_ptr(self));
        self.number.set(number);
        let table = self.data.call(
            self.env,
            "bindStore",
            &[owner, Js::number(self.env, number.into())?, engine],
        )?;
        let mut reference = ptr::null_mut();
        // SAFETY: the count given to the table's finalizer is the one it drops.
        check(unsafe {
            sys::napi_wrap(
                self.env,
                table.raw,
                Rc::into_raw(self.clone()).cast_mut().cast(),
                Some(unbind),
                ptr::null_mut(),
                &mut reference,
            )
        })?;
        self.table.set(reference);
        Ok(())
    }

    /// Frees all but mappings with live views.
    pub fn dispose(&self) -> Result<()> {
        match self.state.get() {
            state if state & CLOSED != 0 => return Ok(()),
            state if state & (RUNNING | SUSPENDED | ELSEWHERE) != 0 => {
                let message = "a store can't be disposed while a call is under way in it";
                return Err(Error::new("StoreBusyError", message).into());
            }
            state => self.state.set(state | CLOSED),
        }
        self.views.detach_all(self.env);
        self.bytes.set(0);
        self.report();
        self.free_if_closed();
        if let Ok(table) = self.table() {
            self.data.call(self.env, "clear", &[table])?;
        }
        Ok(())
    }

    /// Drops a store whose host table is collected: nothing in JavaScript can reach it any more.
    pub fn free_if_collected(&self) {
        if self.state.get() == 0 && self.views.live() == 0 && self.table().is_err() {
            self.state.set(CLOSED);
            self.bytes.set(0);
            self.report();
            self.free_if_closed();
        }
    }

    /// Drops a closed store once no view of its memory is left: one that a script has transferred is out of our sight.
    pub fn free_if_closed(&self) {
        if self.closed() && self.views.live() == 0 {
            // SAFETY: a closed store is entered by nobody, and it was idle when it was closed.
            let store = unsafe { (&mut *self.store.get()).take() };
            drop_quietly(store);
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // It has a borrow of the store.
        self.fibers.drop_root();
        self.views.forget_all(self.env);
        self.bytes.set(0);
        self.report();
        drop_quietly(self.store.get_mut().take());
    }
}

/// Drops what may panic, in a place that must not: finalizers are called by V8.
pub fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

/// The finalizer of the host table: nothing can call into the store any more.
unsafe extern "C" fn unbind(_: sys::napi_env, core: *mut c_void, _: *mut c_void) {
    // SAFETY: the count that `bind` gave away, once.
    let core = unsafe { Rc::from_raw(core.cast::<Core>()) };
    core.data.remove_store(core.number.get());
    // SAFETY: the reference that came with the wrapping is to be deleted here, and only here.
    unsafe { sys::napi_delete_reference(core.env, core.table.replace(ptr::null_mut())) };
    if core.state.get() & RUNNING == 0 {
        drop_quietly(core);
    } else {
        core.orphan.set(true);
        std::mem::forget(core);
    }
}

/// A Wasmtime store with our limits and the brakes of its engine's profile set to "none yet".
pub fn new_store(engine: &EngineParts, data: Data) -> Result<wasmtime::Store<Data>> {
    let mut store = wasmtime::Store::new(&engine.engine, data);
    store.limiter(|data| &mut data.limits);
    if engine.profile().fuel {
        store.set_fuel(u64::MAX).map_err(crate::trap::failure)?;
    }
    if engine.profile().epochs {
        let ticks = store.data().brake.ticks();
        store.set_epoch_deadline(ticks);
        store.epoch_deadline_callback(|context| brake::ask(&context));
    }
    Ok(store)
}

/// Refuses an object of another store.
pub fn same_store(core: &Rc<Core>, other: &Rc<Core>, what: &str) -> Result<()> {
    if Rc::ptr_eq(core, other) {
        return Ok(());
    }
    Err(Error::type_error(format!("{what} belongs to another store")).into())
}

/// The store that the facade names by its number.
pub fn store_of_number(number: Js) -> Result<Rc<Core>> {
    // SAFETY: a store in the list is alive: the finalizer of its host table takes it off.
    match unsafe { EnvData::of(number.env)?.store(number.to_u32("store")?).as_ref() } {
        Some(core) => Ok(core.held()),
        None => Err(Error::internal("there is no store of this number").into()),
    }
}
