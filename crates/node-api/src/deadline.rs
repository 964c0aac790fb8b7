//! Deadlines: no call from outside lasts longer than its store's `timeoutMs`.
//!
//! A guest whose code looks at the engine's epoch is asked at each tick what time it is ([`ask`]); a guest that waits in WASI
//! is given up at its deadline ([`crate::preview1`]). The epoch moves only while a call is timed: one thread of the process
//! does that for all engines, and ends when nobody has needed it for a while.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, StoreContextMut, UpdateDeadline};

use crate::engine::EngineParts;
use crate::error::{Error, Failure, Result};
use crate::js::Js;
use crate::store_core::{Core, Data};

const TICK: Duration = Duration::from_millis(10);
/// How long the thread stays when nothing is timed.
const IDLE: Duration = Duration::from_secs(1);
/// Ticks that never pass. Half of the range: Wasmtime adds the current epoch.
pub const NEVER: u64 = u64::MAX / 2;

struct Ticker {
    /// The engines of calls that are timed, each with how many there are.
    engines: Vec<(Engine, usize)>,
    running: bool,
}
static TICKER: Mutex<Ticker> = Mutex::new(Ticker {
    engines: Vec::new(),
    running: false,
});
static WANTED: Condvar = Condvar::new();

fn ticker() -> MutexGuard<'static, Ticker> {
    TICKER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While there is one, its engine's epoch moves.
pub struct Timed(Engine);

impl Timed {
    pub fn new(engine: &Engine) -> Result<Timed> {
        let mut ticker = ticker();
        if !ticker.running {
            let spawned = thread::Builder::new().name("cwasm-ticker".into()).spawn(tick);
            spawned.map_err(|error| Error::internal(format!("no thread for deadlines: {error}")))?;
            ticker.running = true;
        }
        match ticker.engines.iter_mut().find(|(known, _)| Engine::same(known, engine)) {
            Some((_, count)) => *count += 1,
            None => ticker.engines.push((engine.clone(), 1)),
        }
        WANTED.notify_one();
        Ok(Timed(engine.clone()))
    }
}
impl Drop for Timed {
    fn drop(&mut self) {
        ticker().engines.retain_mut(|(engine, count)| {
            *count -= usize::from(Engine::same(engine, &self.0));
            *count > 0
        });
    }
}

fn tick() {
    let mut ticker = ticker();
    loop {
        if ticker.engines.is_empty() {
            let (woken, waited) = WANTED
                .wait_timeout(ticker, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            ticker = woken;
            if waited.timed_out() && ticker.engines.is_empty() {
                ticker.running = false;
                return;
            }
            continue;
        }
        drop(ticker);
        thread::sleep(TICK);
        ticker = self::ticker();
        for (engine, _) in &ticker.engines {
            engine.increment_epoch();
        }
    }
}

/// Asked by a guest when the epoch has moved.
pub fn ask(context: &StoreContextMut<'_, Data>) -> UpdateDeadline {
    match context.data().deadline {
        None => UpdateDeadline::Continue(NEVER),
        Some(deadline) if Instant::now() < deadline => UpdateDeadline::Continue(1),
        Some(_) => UpdateDeadline::Interrupt,
    }
}

/// Reads milliseconds, none where nothing is given.
pub fn read(timeout: Js, what: &str) -> Result<Option<Duration>> {
    if timeout.is_undefined() {
        return Ok(None);
    }
    // So many milliseconds are 285,000 years.
    let ms = timeout.to_f64(what)?;
    if ms > 0.0 && ms <= 9007199254740991.0 {
        Ok(Some(Duration::from_micros((ms * 1000.0) as u64)))
    } else {
        Err(Error::range_error(format!("{what} must be a number of milliseconds above 0")).into())
    }
}

/// Refuses a deadline for code that does not look at the epoch.
pub fn needs_brake(engine: &EngineParts) -> Result<()> {
    if engine.profile().epochs() {
        return Ok(());
    }
    let found = engine.profile().name();
    let hint = "compile it with the profile 'sandbox' or 'metered', and load it in an engine of that profile";
    let message = format!("a guest of profile '{found}' can't be stopped, so it can have no timeoutMs: {hint}");
    Err(Failure::from(
        Error::new("IncompatibleModuleError", message)
            .with("reason", "setting")
            .with("setting", "interruption")
            .with("expected", "sandbox")
            .with("found", found)
            .with("hint", hint),
    ))
}

impl Core {
    /// Whether a call may have a deadline.
    #[inline(always)]
    pub fn is_timed(&self) -> bool {
        self.has_timeout.get() | self.data.has_deadline.get()
    }
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.timeout.set(timeout);
        self.has_timeout.set(timeout.is_some());
    }

    /// Runs what may run wasm, with the store's deadline if it is the outermost such call of its store. What another store's
    /// timed call has called, through a host function, must end when that one must.
    pub fn timed<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<R> {
        if !self.is_timed() || !self.top.get().is_null() {
            return body();
        }
        let (timeout, outer) = (self.timeout.get(), self.data.deadline.get());
        let Some(timed) = self.begin(timeout, outer)? else {
            return body();
        };
        let result = body();
        drop(timed);
        self.data.set_deadline(outer);
        // Nothing to undo in a store that was disposed or poisoned meanwhile.
        let _ = self.enter(|mut context| {
            context.data_mut().deadline = None;
            context.set_epoch_deadline(NEVER);
        });
        result
    }
    #[cold]
    fn begin(&self, timeout: Option<Duration>, outer: Option<Instant>) -> Result<Option<Timed>> {
        if timeout.is_some() {
            needs_brake(&self.engine)?;
        } else if !self.engine.profile().epochs() {
            return Ok(None);
        }
        // Later than the clock can tell is never.
        let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let Some(deadline) = own.into_iter().chain(outer).min() else {
            return Ok(None);
        };
        let timed = Timed::new(&self.engine.engine)?;
        self.enter(|mut context| {
            context.data_mut().deadline = Some(deadline);
            context.set_epoch_deadline(1);
        })?;
        self.data.set_deadline(Some(deadline));
        Ok(Some(timed))
    }
}
