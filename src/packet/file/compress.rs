//! Compressed files, told by their first bytes and unpacked while they are read.

use std::io::{self, Read};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Packing {
    pub(super) const fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(super) fn unpacked(self, source: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            // Several gzip files one after the other are one.
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
            Self::Zstd => Box::new(Frames {
                current: Some(frame(source)?),
            }),
        })
    }
}

type Frame = ruzstd::decoding::StreamingDecoder<Box<dyn Read + Send>, ruzstd::decoding::FrameDecoder>;

fn frame(source: Box<dyn Read + Send>) -> io::Result<Frame> {
    Frame::new(source).map_err(io::Error::other)
}

/// The frames of a zstd file, one after the other.
struct Frames {
    current: Option<Frame>,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame_now) = &mut self.current {
            let count = frame_now.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let mut source = match self.current.take() {
                Some(ended) => ended.into_inner(),
                None => break,
            };
            let mut first = [0];
            if source.read(&mut first)? == 0 {
                break;
            }
            self.current = Some(frame(Box::new(io::Cursor::new(first).chain(source)))?);
        }
        Ok(0)
    }
}
