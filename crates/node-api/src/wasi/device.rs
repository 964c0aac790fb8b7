//! Files of this process: those that a guest's stdio is, and its own stdio. Where one waits, it does so a moment at a time, so
//! that the guest can be stopped.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::mem::{ManuallyDrop, replace};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::waiter::is_hasty;

/// How long a thread waits before it looks whether it should.
#[cfg(unix)]
const MOMENT: i32 = 10;
/// When a file is looked at again by a thread that has other things to do.
const LATER: Duration = Duration::from_millis(5);
/// How long a guest's write goes on before it looks whether it should.
const SPELL: Duration = Duration::from_millis(10);
/// As much as goes into a pipe that takes anything.
const PIECE: usize = 4096;
/// As much as a file is given at once.
const MOST: usize = 16 << 20;

pub enum Device {
    File(File),
    /// What this process has, by its number.
    Own(u32),
}

impl Device {
    fn with<T>(&self, act: impl FnOnce(&File) -> T) -> T {
        match self {
            Device::File(file) => act(file),
            Device::Own(number) => act(&own(*number)),
        }
    }
    pub fn is_terminal(&self) -> bool {
        self.with(File::is_terminal)
    }
    /// Whether somebody may have to come before there is something, or room.
    fn waits(&self) -> bool {
        self.with(|file| !file.metadata().is_ok_and(|data| data.is_file()))
    }

    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let waits = self.waits();
        let piece = if waits { PIECE } else { MOST };
        let mut written = 0;
        let mut began = Instant::now();
        while written < bytes.len() {
            if began.elapsed() > SPELL {
                pause().await;
                began = Instant::now();
            }
            if waits {
                self.until(true).await;
            }
            let rest = &bytes[written..];
            match self.with(|mut file| file.write(&rest[..rest.len().min(piece)])) {
                Ok(count) => written += count,
                Err(error) if again(&error) => pause().await,
                Err(_) if written > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Reads what is there; nothing at the end.
    pub fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.with(|mut file| file.read(bytes)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
    pub async fn readable(&self) {
        if self.waits() {
            self.until(false).await;
        }
    }

    /// Waits until it can be written, or read.
    #[cfg(unix)]
    async fn until(&self, write: bool) {
        use std::os::fd::AsRawFd;
        let events = if write { libc::POLLOUT } else { libc::POLLIN };
        loop {
            let mut poll = libc::pollfd {
                fd: self.with(|file| file.as_raw_fd()),
                events,
                revents: 0,
            };
            // SAFETY: one descriptor, which is open.
            let ready = unsafe { libc::poll(&mut poll, 1, if is_hasty() { 0 } else { MOMENT }) };
            // An error is for who reads or writes to see.
            if ready > 0 || (ready < 0 && io::Error::last_os_error().kind() != ErrorKind::Interrupted) {
                return;
            }
            pause().await;
        }
    }
    #[cfg(not(unix))]
    async fn until(&self, _: bool) {}
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// Lets the caller look whether to go on.
async fn pause() {
    if is_hasty() {
        return tokio::time::sleep(LATER).await;
    }
    let mut paused = false;
    poll_fn(|context| {
        if replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One of this process's own, which stays open.
#[cfg(unix)]
fn own(number: u32) -> ManuallyDrop<File> {
    use std::os::fd::FromRawFd;
    // SAFETY: it is not closed here; where it is closed already, what is done with it is an error.
    ManuallyDrop::new(unsafe { File::from_raw_fd(number as i32) })
}
#[cfg(windows)]
fn own(number: u32) -> ManuallyDrop<File> {
    use std::os::windows::io::{AsRawHandle, FromRawHandle};
    let handle = match number {
        0 => io::stdin().as_raw_handle(),
        1 => io::stdout().as_raw_handle(),
        _ => io::stderr().as_raw_handle(),
    };
    // SAFETY: as above.
    ManuallyDrop::new(unsafe { File::from_raw_handle(handle) })
}
