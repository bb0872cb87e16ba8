//! A program on a node whose output goes on as it comes.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Failure;
use super::remote::{ENOUGH, MAX_COMPLAINT};

/// Bytes that are taken at a time.
const CHUNK: usize = 64 << 10;

/// Where the output goes.
pub struct Relay<'a> {
    pub output: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    pub complaints: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

/// The ends of a program's streams.
pub(super) struct Ends<I, O, E> {
    pub(super) input: Option<I>,
    pub(super) output: Option<O>,
    pub(super) complaints: Option<E>,
}

impl Relay<'_> {
    /// Gives the program its input, which stays open, and after `stop` the word for that; how it ended, and the start of
    /// what it complained.
    pub(super) async fn until<T>(
        &mut self,
        ends: Ends<impl AsyncWrite + Unpin, impl AsyncRead + Unpin, impl AsyncRead + Unpin>,
        first: &[u8],
        stop: Pin<&mut impl Future<Output = ()>>,
        ended: impl Future<Output = T>,
    ) -> Result<(T, String), Failure> {
        let mut input = ends.input;
        let feed = async {
            if let Some(input) = &mut input {
                // A side that doesn't want it says why by its exit status.
                let _ = input.write_all(first).await;
                let _ = input.flush().await;
            }
            stop.await;
            if let Some(input) = &mut input {
                // One that is gone needs no telling.
                let _ = input.write_all(ENOUGH).await;
                let _ = input.flush().await;
            }
            std::future::pending::<()>().await;
        };
        let mut said = Vec::new();
        let complain = |bytes: &[u8]| {
            let room = usize::try_from(MAX_COMPLAINT)
                .unwrap_or(0)
                .saturating_sub(said.len());
            said.extend(bytes.iter().take(room));
            (self.complaints)(bytes)
        };
        let streams = async {
            tokio::try_join!(
                each(ends.output, &mut *self.output),
                each(ends.complaints, complain)
            )
        };
        let work = async {
            streams.await?;
            Ok::<T, io::Error>(ended.await)
        };
        let done = tokio::select! {
            done = work => done,
            () = feed => return Err(Failure::new("stopped")),
        };
        let done = done.map_err(|error| Failure::new(format!("its output: {error}")))?;
        Ok((done, String::from_utf8_lossy(&said).into_owned()))
    }
}

async fn each(
    stream: Option<impl AsyncRead + Unpin>,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    let mut bytes = vec![0; CHUNK];
    loop {
        let count = stream.read(&mut bytes).await?;
        match bytes.get(..count) {
            None | Some([]) => return Ok(()),
            Some(some) => take(some)?,
        }
    }
}
