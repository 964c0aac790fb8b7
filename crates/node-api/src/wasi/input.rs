//! Where a guest's standard input comes from, but for bytes, which Wasmtime keeps.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{self, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::device::Device;
use super::streams::Streams;

/// As much as is read at once.
const MOST: usize = 64 << 10;

#[derive(Clone)]
pub enum Input {
    Device(Arc<Device>),
    /// A stream of JavaScript, from another thread.
    Away(Arc<Streams>),
}

impl cli::IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        matches!(self, Input::Device(device) if device.is_terminal())
    }
}

impl StdinStream for Input {
    /// Only for WASI 0.3.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        match self {
            Input::Device(device) => device.readable().await,
            Input::Away(streams) => streams.readable().await,
        }
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut bytes = vec![0; size.min(MOST)];
        let read = match self {
            Input::Device(device) => device.read(&mut bytes),
            Input::Away(streams) => streams.read(&mut bytes),
        };
        match read {
            Ok(0) if size > 0 => Err(StreamError::Closed),
            Ok(count) => {
                bytes.truncate(count);
                Ok(bytes.into())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Bytes::new()),
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}
