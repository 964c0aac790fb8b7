//! Deadlines: no call from outside lasts longer than its store's `timeoutMs`. [`crate::brake`] has what ends it.

use std::time::{Duration, Instant};

use crate::brake::Lever;
use crate::engine::EngineParts;
use crate::error::{Error, Failure, Result};
use crate::interruption::Interruption;
use crate::js::Js;
use crate::page::Page;
use crate::store_core::Core;
use crate::ticker::{TICK, Ticks};
use crate::trap;

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

/// Refuses a deadline, or what else `what` is, for code that nothing can stop.
pub fn no_brake(engine: &EngineParts, what: &str) -> Failure {
    let profile = engine.profile();
    let (found, wanted) = (profile.name(), profile.with_epochs().name());
    let hint = if profile.interruption(&engine.settings.target).has_checks() {
        format!("compile it with checks (compiler.interruptible), or with the profile '{wanted}'")
    } else {
        format!("compile it with the profile '{wanted}', and load it in an engine of that profile")
    };
    let message =
        format!("a guest of profile '{found}' without a brake can't be stopped, so it can have no {what}: {hint}");
    Error::new("IncompatibleModuleError", message)
        .with("reason", "setting")
        .with("setting", "interruption")
        .with("expected", wanted)
        .with("found", found)
        .with("hint", hint)
        .into()
}

/// Refuses to call a guest whose page is away: not all functions have checks.
pub fn in_time(page: Option<&Page>) -> Result<()> {
    match page {
        Some(page) if page.is_away() => Err(trap::failure(wasmtime::Trap::Interrupt.into())),
        _ => Ok(()),
    }
}

impl Core {
    /// Whether a call may have a deadline.
    #[inline(always)]
    pub fn is_timed(&self) -> bool {
        self.has_timeout.get() | self.data.has_deadline.get()
    }
    /// What its guests are stopped by; none where there is none that could be.
    pub fn lever(&self) -> Option<Lever> {
        if self.engine.profile().epochs {
            return Some(Lever::Epochs(self.engine.engine.clone()));
        }
        self.page().map(Lever::Page)
    }
    /// Whether each of its guests can be stopped.
    pub fn has_brake(&self) -> bool {
        !self.unstoppable.get()
    }
    pub fn needs_brake(&self, what: &str) -> Result<()> {
        match self.has_brake() {
            true => Ok(()),
            false => Err(no_brake(&self.engine, what)),
        }
    }
    /// Prepares for guests of a module that has this.
    pub fn can_stop(&self, interruption: Interruption) -> Result<()> {
        if interruption == Interruption::None {
            if self.has_timeout.get() {
                return Err(no_brake(&self.engine, "timeoutMs"));
            }
            self.unstoppable.set(true);
        }
        if interruption.has_checks() && self.page().is_none() {
            let page = self.enter(|mut context| Page::new(interruption, &mut context))??;
            // A call that is under way did not know it.
            if let Some(deadline) = self.deadline.get() {
                let ticks = Ticks::new(Lever::Page(page.clone()), deadline, TICK)?;
                self.late.replace(Some(ticks));
            }
            self.page.replace(Some(page));
        }
        Ok(())
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
        in_time(self.page().as_deref())?;
        let nested = !self.top.get().is_null();
        let (mine, outer) = (self.deadline.get(), self.data.deadline.get());
        let timeout = if nested { None } else { self.timeout.get() };
        // Later than the clock can tell is never.
        let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let wanted = own.into_iter().chain(outer).chain(mine).min();
        if timeout.is_some() {
            self.needs_brake("timeoutMs")?;
        }
        let Some(deadline) = wanted.filter(|_| wanted != mine) else {
            return body();
        };
        let lever = self.lever();
        let ticks = lever.map(|lever| Ticks::new(lever, deadline, TICK)).transpose()?;
        self.set_deadline(Some(deadline))?;
        self.data.set_deadline(Some(deadline));
        let result = body();
        drop(ticks);
        if mine.is_none() {
            self.late.take();
        }
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
            if self.engine.profile().epochs {
                let ticks = context.data().brake.ticks();
                context.set_epoch_deadline(ticks);
            }
        })
    }
}
