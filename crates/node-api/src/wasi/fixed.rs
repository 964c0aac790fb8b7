//! A clock that stands still.

use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The time since 1970. The monotonic clock of such a guest stands at 0.
#[derive(Clone, Copy)]
pub struct FixedClock(pub Duration);

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }
    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        0
    }
}
