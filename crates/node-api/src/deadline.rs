//! Deadlines: no call from outside lasts longer than its store's `timeoutMs`. [`crate::brake`] has what ends it.

use std::time::{Duration, Instant};

use crate::engine::EngineParts;
use crate::error::{Error, Failure, Result};
use crate::js::Js;
use crate::store_core::Core;
use crate::ticker::{TICK, Ticks};

/// Reads milliseconds, none where nothing is given.
pub fn read(timeout: Js, what: &str) -> Result<Option<Duration>> {
    if timeout.is_undefined() {
        return Ok(None);
    }
    // So many milliseconds are 285,000 years.
    let ms = timeout.to_f64(what)?;
    if let Some(timeout) = of_ms(ms) {
        Ok(Some(timeout))
    } else {
        Err(Error::range_error(format!("{what} must be a number of milliseconds above 0")).into())
    }
}
/// None of what is no number of milliseconds above 0.
pub fn of_ms(ms: f64) -> Option<Duration> {
    (ms > 0.0 && ms <= 9007199254740991.0).then(|| Duration::from_micros((ms * 1000.0) as u64))
}

/// Refuses a deadline, or what else `what` is, for code that does not look at the epoch.
pub fn needs_brake(engine: &EngineParts, what: &str) -> Result<()> {
    if engine.profile().epochs {
        return Ok(());
    }
    let (found, wanted) = (engine.profile().name(), engine.profile().with_epochs().name());
    let hint = format!("compile it with the profile '{wanted}', and load it in an engine of that profile");
    let message = format!("a guest of profile '{found}' can't be stopped, so it can have no {what}: {hint}");
    Err(Failure::from(
        Error::new("IncompatibleModuleError", message)
            .with("reason", "setting")
            .with("setting", "interruption")
            .with("expected", wanted)
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
    /// timed call has called, through a host function, must end when that one must, also if it was under way before.
    pub fn timed<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<R> {
        if !self.is_timed() {
            return body();
        }
        let nested = !self.top.get().is_null();
        let (mine, outer) = (self.deadline.get(), self.data.deadline.get());
        let timeout = if nested { None } else { self.timeout.get() };
        // Later than the clock can tell is never.
        let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let wanted = own.into_iter().chain(outer).chain(mine).min();
        if timeout.is_some() {
            needs_brake(&self.engine, "timeoutMs")?;
        }
        let Some(deadline) = wanted.filter(|_| wanted != mine && self.engine.profile().epochs) else {
            return body();
        };
        let ticks = Ticks::new(&self.engine.engine, deadline, TICK)?;
        self.set_deadline(Some(deadline))?;
        self.data.set_deadline(Some(deadline));
        let result = body();
        drop(ticks);
        self.data.set_deadline(outer);
        // Nothing to undo in a store that was disposed or poisoned meanwhile.
        let _ = self.set_deadline(mine);
        result
    }
    #[cold]
    fn set_deadline(&self, deadline: Option<Instant>) -> Result<()> {
        self.deadline.set(deadline);
        self.enter(|mut context| {
            context.data_mut().brake.deadline = deadline;
            let ticks = context.data().brake.ticks();
            context.set_epoch_deadline(ticks);
        })
    }
}
