//! Instances: guests that run, each in a store of its own.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicBool, Ordering};

use wasmtime::{Engine, Instance, Store, StoreLimits, StoreLimitsBuilder};

use crate::error::{CWASM_ARGUMENT, CWASM_BUSY, CWASM_INSTANTIATE, Failure, cwasm_error, report};
use crate::handle::{free, given, hand_out, text};
use crate::linker::cwasm_linker;
use crate::memory;
use crate::module::cwasm_module;
use crate::value::{Arguments, cwasm_val};

/// What a store has besides Wasmtime's own.
pub struct Data {
    limits: StoreLimits,
    /// Bytes of stack that a call may use.
    stack: usize,
    /// Down to where the one that runs may use its thread's.
    end: usize,
}

/// Bytes of stack that calls take besides, before the guest's own begin and for the last host function: within what a thread must have.
const OURS: usize = 16 << 10;

impl Data {
    /// A call from outside begins.
    fn begin(&mut self) {
        self.end = here().saturating_sub(self.stack + OURS);
    }
    /// Whether there is no stack left for a host function. Machine code looks itself, but interpreted guests have a stack of their
    /// own, so that calls to the host and back would never end.
    pub fn is_at_the_end(&self) -> bool {
        here() < self.end
    }
}

/// About where the thread's stack is now.
fn here() -> usize {
    let local = 0u8;
    core::ptr::from_ref(core::hint::black_box(&local)).addr()
}

/// What a guest may use.
#[repr(C)]
pub struct cwasm_limits {
    /// Bytes of each of its memories. 0: no limit but its own and the platform's.
    pub memory_bytes: usize,
    /// Elements of each of its tables. 0: no limit but its own and the platform's.
    pub table_elements: usize,
    /// Fuel, if the engine was made with `CWASM_FUEL`.
    pub fuel: u64,
    /// Ticks of the engine until it traps, if that was made with `CWASM_EPOCHS`.
    pub ticks: u64,
}

/// A guest. One thread at a time may use it, and no host function that it has called: both are told `CWASM_BUSY`.
pub struct cwasm_instance {
    busy: AtomicBool,
    inside: UnsafeCell<Inside>,
}
struct Inside {
    store: Store<Data>,
    instance: Instance,
}

impl cwasm_instance {
    fn enter(&self, body: impl FnOnce(&mut Inside) -> Result<(), Failure>) -> Result<(), Failure> {
        if self.busy.swap(true, Ordering::Acquire) {
            return Err(Failure::Text(
                CWASM_BUSY,
                "the instance is running: a host function has its cwasm_caller",
            ));
        }
        // SAFETY: only who has set `busy` comes here, until it is unset.
        let result = body(unsafe { &mut *self.inside.get() });
        self.busy.store(false, Ordering::Release);
        result
    }
}

fn store(engine: &Engine, stack: usize, limits: Option<&cwasm_limits>) -> wasmtime::Result<Store<Data>> {
    let mut builder = StoreLimitsBuilder::new();
    if let Some(bytes) = limits.map(|limits| limits.memory_bytes).filter(|bytes| *bytes > 0) {
        builder = builder.memory_size(bytes);
    }
    if let Some(elements) = limits
        .map(|limits| limits.table_elements)
        .filter(|elements| *elements > 0)
    {
        builder = builder.table_elements(elements);
    }
    let data = Data {
        limits: builder.build(),
        stack,
        end: 0,
    };
    let mut store = Store::try_new(engine, data)?;
    store.limiter(|data| &mut data.limits);
    if let Some(limits) = limits {
        if store.get_fuel().is_ok() {
            store.set_fuel(limits.fuel)?;
        }
        // It is added to the epoch, and must not begin again at 0.
        store.set_epoch_deadline(limits.ticks.min(u64::MAX >> 1));
    }
    Ok(store)
}

/// Instantiates a module, and runs its start function. Without a linker it has no imports; without limits it has neither fuel nor
/// time, if the engine counts those.
///
/// # Safety
/// `module` is null or a living handle, `linker` and `limits` are null or point to one, and `out` points to where the handle goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_instance_new(
    module: *const cwasm_module,
    linker: *const cwasm_linker,
    limits: *const cwasm_limits,
    out: *mut *mut cwasm_instance,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (module, linker, limits) = unsafe {
            let linker = if linker.is_null() {
                None
            } else {
                Some(given(linker, "linker")?)
            };
            let limits = if limits.is_null() {
                None
            } else {
                Some(given(limits, "limits")?)
            };
            (given(module, "module")?, linker, limits)
        };
        let failed = |error| Failure::Wasmtime(CWASM_INSTANTIATE, error);
        let cwasm_module { module, stack, .. } = module;
        let mut store = store(module.engine(), *stack, limits).map_err(failed)?;
        store.data_mut().begin();
        let instance = match linker {
            Some(cwasm_linker { linker }) if !Engine::same(linker.engine(), module.engine()) => {
                return Err(Failure::Text(
                    CWASM_ARGUMENT,
                    "linker and module are of different engines",
                ));
            }
            Some(cwasm_linker { linker }) => linker.instantiate(&mut store, module),
            None => wasmtime::Linker::new(module.engine()).instantiate(&mut store, module),
        };
        let instance = instance.map_err(failed)?;
        let handle = cwasm_instance {
            busy: AtomicBool::new(false),
            inside: UnsafeCell::new(Inside { store, instance }),
        };
        // SAFETY: the caller's contract.
        unsafe { hand_out(out, handle) }
    })
}

/// Calls an exported function. The instance is usable after a trap, too. `results` may be where `args` are.
///
/// # Safety
/// `instance` is null or a living handle, `name` ends in a zero byte, and there are so many values at `args` and `results`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_call(
    instance: *const cwasm_instance,
    name: *const c_char,
    args: *const cwasm_val,
    args_len: usize,
    results: *mut cwasm_val,
    results_len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (instance, name, args) = unsafe {
            (
                given(instance, "instance")?,
                text(name, "name")?,
                Arguments::read(args, args_len)?,
            )
        };
        instance.enter(|Inside { store, instance }| {
            store.data_mut().begin();
            let func = memory::func(instance.get_export(&mut *store, name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::call(store, func, &args, results, results_len) }
        })
    })
}

/// The length of an exported memory, in bytes.
///
/// # Safety
/// `instance` is null or a living handle, `name` ends in a zero byte, and `out` points to where the length goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_memory_size(
    instance: *const cwasm_instance,
    name: *const c_char,
    out: *mut u64,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (instance, name) = unsafe { (given(instance, "instance")?, text(name, "name")?) };
        instance.enter(|Inside { store, instance }| {
            let memory = memory::memory(instance.get_export(&mut *store, name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::size(store, memory, out) }
        })
    })
}

/// Makes an exported memory larger by so many pages.
///
/// # Safety
/// `instance` is null or a living handle, and `name` ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_memory_grow(
    instance: *const cwasm_instance,
    name: *const c_char,
    pages: u64,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (instance, name) = unsafe { (given(instance, "instance")?, text(name, "name")?) };
        instance.enter(|Inside { store, instance }| {
            let memory = memory::memory(instance.get_export(&mut *store, name))?;
            memory::grow(store, memory, pages)
        })
    })
}

/// Copies bytes out of an exported memory.
///
/// # Safety
/// `instance` is null or a living handle, `name` ends in a zero byte, and there is space for `len` bytes at `to`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_memory_read(
    instance: *const cwasm_instance,
    name: *const c_char,
    offset: u64,
    to: *mut u8,
    len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (instance, name) = unsafe { (given(instance, "instance")?, text(name, "name")?) };
        instance.enter(|Inside { store, instance }| {
            let memory = memory::memory(instance.get_export(&mut *store, name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::read(store, memory, offset, to, len) }
        })
    })
}

/// Copies bytes into an exported memory.
///
/// # Safety
/// `instance` is null or a living handle, `name` ends in a zero byte, and there are `len` bytes at `from`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_memory_write(
    instance: *const cwasm_instance,
    name: *const c_char,
    offset: u64,
    from: *const u8,
    len: usize,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (instance, name) = unsafe { (given(instance, "instance")?, text(name, "name")?) };
        instance.enter(|Inside { store, instance }| {
            let memory = memory::memory(instance.get_export(&mut *store, name))?;
            // SAFETY: the caller's contract.
            unsafe { memory::write(store, memory, offset, from, len) }
        })
    })
}

/// Frees an instance, with its memories. One that is running is not freed: `CWASM_BUSY`.
///
/// # Safety
/// `instance` is null or a handle that is not used again, unless it was busy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_instance_free(instance: *mut cwasm_instance) -> c_int {
    report(core::ptr::null_mut(), || {
        if instance.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's contract.
        unsafe { given(instance, "instance") }?.enter(|_| Ok(()))?;
        // SAFETY: the caller's contract.
        unsafe { free(instance) };
        Ok(())
    })
}
