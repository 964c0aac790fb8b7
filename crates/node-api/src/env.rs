//! What one JavaScript environment (the main thread, or a worker) keeps: the facade's functions and error classes, the
//! slots through which calls travel, and the list of live stores.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Weak;
use std::time::{Duration, Instant};

use napi::sys;
use napi_derive::napi;
use rustc_hash::FxHashMap;
use wasmtime::ValRaw;

use crate::background::Absent;
use crate::brake::Stop;
use crate::error::{Error, Result, guard};
use crate::js::{Js, Scope, check};
use crate::store_core::Core;
use crate::{background, stack};

/// Slot 0 is the header (which store, which function); arguments and results start at slot 1. A wasm function has at most
/// 1,000 of either.
pub const SLOTS: usize = 1001;
/// Behind them is room for numbers, four to a slot, that answer a question: they may be asked while slots are in use.
pub const ANSWERS: usize = 256;
/// More bytes at once go another way.
pub const TRANSFER: usize = 64 << 10;

/// Per environment, in `napi_set_instance_data`. Shared by each [`Core`], so the order of finalizers at exit is no matter.
pub struct EnvData {
    /// An object with the facade's functions and its `errors`; strong, and free of cycles: it is the facade's own.
    facade: sys::napi_ref,
    /// Its functions that were called, by where their names are, which are constants.
    functions: RefCell<FxHashMap<(usize, usize), sys::napi_ref>>,
    slots: *mut ValRaw,
    /// Where bytes wait on their way into a guest's memory or out of it: [`TRANSFER`] of them.
    pub transfer: *mut u8,
    /// When the outermost call that is timed must end, and so all inside of it, whatever store they are of.
    pub deadline: Cell<Option<Instant>>,
    /// Whether there is one: looked at by every call.
    pub has_deadline: Cell<bool>,
    /// Where the stack of this thread ends.
    pub stack_end: usize,
    /// Whether this thread may be ended by another one.
    pub is_worker: bool,
    /// The guests that run for us on other threads, by the number that the facade gave them.
    pub away: RefCell<FxHashMap<u32, Weak<Stop>>>,
    /// The stores whose guests are on other threads.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub absent: RefCell<Vec<Absent>>,
    /// The numbers of [`crate::shape`].
    pub shapes: Numbers,
    stores: UnsafeCell<Vec<*const Core>>,
    free: Cell<Vec<u32>>,
    /// Stores that were made, and bytes that memories have taken, since [`EnvData::sweep`].
    made: Cell<usize>,
    grown: Cell<i64>,
}

/// Numbers from 0, which are used again.
#[derive(Default)]
pub struct Numbers {
    next: Cell<u32>,
    free: RefCell<Vec<u32>>,
}

impl Numbers {
    pub fn take(&self) -> u32 {
        self.free
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| self.next.replace(self.next.get() + 1))
    }
    pub fn give_back(&self, number: u32) {
        self.free.borrow_mut().push(number);
    }
}

impl EnvData {
    pub fn of(env: sys::napi_env) -> Result<Rc<EnvData>> {
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: the pointer is the one `init` stored, a leaked `Rc`; the count is raised for the copy given out.
        unsafe {
            check(sys::napi_get_instance_data(env, &mut data))?;
            if data.is_null() {
                return Err(Error::internal("the addon was used before the facade called init").into());
            }
            Rc::increment_strong_count(data.cast::<EnvData>());
            Ok(Rc::from_raw(data.cast::<EnvData>()))
        }
    }

    fn facade(&self, env: sys::napi_env) -> Result<Js> {
        let mut raw = ptr::null_mut();
        // SAFETY: `facade` is a strong reference made by `init` in this environment.
        check(unsafe { sys::napi_get_reference_value(env, self.facade, &mut raw) })?;
        Ok(Js { env, raw })
    }
    /// The facade's error classes by name.
    pub fn errors(&self, env: sys::napi_env) -> Result<Js> {
        self.facade(env)?.get("errors")
    }
    /// Calls a function of the facade (lib/host-table.ts).
    pub fn call(&self, env: sys::napi_env, function: &'static str, args: &[Js]) -> Result<Js> {
        self.function(env, function)?.call(Js::undefined(env)?, args)
    }
    /// One of its functions, which is looked up once.
    pub fn function(&self, env: sys::napi_env, name: &'static str) -> Result<Js> {
        let key = (name.as_ptr().addr(), name.len());
        let known = self.functions.borrow().get(&key).copied();
        if let Some(reference) = known {
            let mut raw = ptr::null_mut();
            // SAFETY: a strong reference made below in this environment.
            check(unsafe { sys::napi_get_reference_value(env, reference, &mut raw) })?;
            return Ok(Js { env, raw });
        }
        let function = self.facade(env)?.get(name)?;
        let mut reference = ptr::null_mut();
        // SAFETY: a function; the reference is deleted with the environment, as that of the facade is.
        check(unsafe { sys::napi_create_reference(env, function.raw, 1, &mut reference) })?;
        self.functions.borrow_mut().insert(key, reference);
        Ok(function)
    }

    /// The slots after the header.
    pub fn slots(&self) -> *mut ValRaw {
        // SAFETY: the buffer has SLOTS + 1 slots.
        unsafe { self.slots.add(1) }
    }
    /// What JavaScript wrote into the header: function, store.
    pub fn header(&self) -> (i32, u32) {
        // SAFETY: slot 0 is 16 bytes of plain memory that only this thread writes.
        unsafe {
            let words = self.slots.cast::<i32>();
            (*words, *words.add(1) as u32)
        }
    }

    /// A word of the header by which both sides tell each other how: a call is to be begun, a host function may answer.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn set_flag(&self, flag: u32) {
        // SAFETY: as above.
        unsafe { *self.slots.cast::<u32>().add(3) = flag };
    }
    /// It is taken away.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn take_flag(&self) -> u32 {
        // SAFETY: as above.
        unsafe { ptr::replace(self.slots.cast::<u32>().add(3), 0) }
    }
    /// The milliseconds that a call was given, in the place for answers.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn given_timeout(&self) -> Option<Duration> {
        // SAFETY: as in `answer`.
        let ms = unsafe { self.slots.add(SLOTS + 1).cast::<f64>().read() };
        (ms > 0.0).then(|| Duration::from_micros((ms * 1000.0) as u64))
    }
    /// How much of it is left, 0 for ever.
    #[allow(dead_code, reason = "for builds with fibers")]
    pub fn tell_time(&self, left: Option<Duration>) {
        let ms = left.map_or(0.0, |left| (left.as_secs_f64() * 1000.0).max(0.001));
        // SAFETY: as in `answer`.
        unsafe { self.slots.add(SLOTS + 1).cast::<f64>().write(ms) };
    }

    /// The number that a question is about.
    pub fn operand(&self) -> u32 {
        // SAFETY: as above.
        unsafe { *self.slots.cast::<u32>().add(2) }
    }

    /// Whether so many numbers fit into the place for answers.
    pub fn has_room(&self, numbers: usize) -> bool {
        numbers <= ANSWERS * 4
    }
    /// Puts numbers into the place for answers, as many as there is room for, and returns how many.
    pub fn answer(&self, numbers: &mut Vec<u32>) -> usize {
        let rest = numbers.len().saturating_sub(ANSWERS * 4);
        let taken = numbers.split_off(rest);
        // SAFETY: the buffer has SLOTS + 1 slots, and so many more.
        let place = unsafe { self.slots.add(SLOTS + 1).cast::<u32>() };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(taken.as_ptr(), place, taken.len()) };
        taken.len()
    }

    /// Whether the thread is being ended: then JavaScript can't be called any more.
    pub fn is_ending(&self, env: sys::napi_env) -> bool {
        let _scope = Scope::open(env);
        let mut ending = self.call(env, "alive", &[]).is_err();
        if ending {
            let mut thrown = ptr::null_mut();
            // SAFETY: as above. What ends a thread is no value; any other error has to do with the call.
            unsafe {
                sys::napi_get_and_clear_last_exception(env, &mut thrown);
                let mut is_error = false;
                if !thrown.is_null() && sys::napi_is_error(env, thrown, &mut is_error) == sys::Status::napi_ok {
                    ending = !is_error;
                }
            }
        }
        ending
    }

    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
        self.has_deadline.set(deadline.is_some());
    }

    /// Called before a store is made: now and then, frees those that V8 has collected. Their finalizers wait for the event
    /// loop to turn, and a script that makes stores without a pause would take all memory.
    pub fn sweep(&self, env: sys::napi_env) {
        self.made.set(self.made.get() + 1);
        // SAFETY: as in `add_store`.
        let count = unsafe { (&*self.stores.get()).len() };
        if self.made.get() <= count + 64 && self.grown.get() < 256 << 20 {
            return;
        }
        self.made.set(0);
        self.grown.set(0);
        let _scope = Scope::open(env);
        for id in 0..count as u32 {
            // SAFETY: a store in the list is alive.
            if let Some(core) = unsafe { self.store(id).as_ref() } {
                core.free_if_collected();
            }
        }
    }
    /// Memories have taken so many bytes more.
    pub fn grew(&self, bytes: i64) {
        self.grown.set(self.grown.get() + bytes);
    }

    /// Gives a store a number that JavaScript names it by.
    pub fn add_store(&self, core: *const Core) -> u32 {
        // SAFETY: only this thread has the list, and no reference into it outlives a statement.
        let stores = unsafe { &mut *self.stores.get() };
        let mut free = self.free.take();
        let id = free.pop().unwrap_or(stores.len() as u32);
        self.free.set(free);
        match stores.get_mut(id as usize) {
            Some(place) => *place = core,
            None => stores.push(core),
        }
        id
    }
    pub fn remove_store(&self, id: u32) {
        // SAFETY: as in `add_store`.
        unsafe { (&mut *self.stores.get())[id as usize] = ptr::null() };
        let mut free = self.free.take();
        free.push(id);
        self.free.set(free);
    }
    /// The store with this number, null if there is none.
    pub fn store(&self, id: u32) -> *const Core {
        // SAFETY: as in `add_store`.
        unsafe { (&*self.stores.get()).get(id as usize).copied().unwrap_or(ptr::null()) }
    }
}

unsafe extern "C" fn drop_env_data(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` is the `Rc` leaked by `init`, handed back once.
    let data = unsafe { Rc::from_raw(data.cast::<EnvData>()) };
    // Nobody is left to hear how they end.
    for stop in data.away.take().into_values().filter_map(|stop| stop.upgrade()) {
        stop.stop();
    }
}

/// An ArrayBuffer of the facade, which keeps it and never detaches it.
fn shared_bytes(buffer: Js, wanted: usize) -> Result<*mut u8> {
    let (mut data, mut len) = (ptr::null_mut(), 0);
    // SAFETY: Node-API refuses what is no ArrayBuffer.
    check(unsafe { sys::napi_get_arraybuffer_info(buffer.env, buffer.raw, &mut data, &mut len) })?;
    if len == wanted && data.cast::<ValRaw>().is_aligned() {
        Ok(data.cast())
    } else {
        Err(Error::internal("a shared buffer has the wrong size").into())
    }
}

/// Called once per environment by the facade: its functions and error classes, the ArrayBuffers of slots and for bytes, and
/// whether this is a worker. Returns the function that makes one call.
#[napi(skip_typescript)]
pub fn init(env: napi::Env, facade: Js, slots: Js, transfer: Js, is_worker: bool) -> napi::Result<Js> {
    let env = env.raw();
    guard(env, || {
        // Threads of ours may outlive a worker that loaded us, and Wasmtime's signal handler stays for good.
        napi::bindgen_prelude::retain_current_module_for_unload_safety();
        quiet_panics();
        let slots = shared_bytes(slots, (SLOTS + 1 + ANSWERS) * size_of::<ValRaw>())?;
        let transfer = shared_bytes(transfer, TRANSFER)?;
        let mut facade_ref = ptr::null_mut();
        // SAFETY: `facade` is an object; the reference is deleted with the environment.
        check(unsafe { sys::napi_create_reference(env, facade.raw, 1, &mut facade_ref) })?;
        let shared = Rc::into_raw(Rc::new(EnvData {
            facade: facade_ref,
            functions: RefCell::default(),
            slots: slots.cast(),
            transfer,
            deadline: Cell::new(None),
            has_deadline: Cell::new(false),
            stack_end: stack::end(),
            is_worker,
            away: RefCell::default(),
            absent: RefCell::default(),
            shapes: Numbers::default(),
            stores: UnsafeCell::default(),
            free: Cell::default(),
            made: Cell::new(0),
            grown: Cell::new(0),
        }));
        background::watch_end(env, shared)?;
        let mut enter = ptr::null_mut();
        // SAFETY: the leaked Rc is given back to `drop_env_data` when the environment ends, after the last call.
        unsafe {
            check(sys::napi_set_instance_data(
                env,
                shared.cast_mut().cast(),
                Some(drop_env_data),
                ptr::null_mut(),
            ))?;
            check(sys::napi_create_function(
                env,
                c"enter".as_ptr(),
                5,
                Some(crate::func::enter),
                shared.cast_mut().cast(),
                &mut enter,
            ))?;
        }
        Ok(Js { env, raw: enter })
    })
}

/// A caught panic is an exception with its message; nothing is printed on stderr, which may be the guest's.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
                default(info);
            }
        }));
    });
}
