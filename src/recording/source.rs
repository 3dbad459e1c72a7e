//! A file of chunks (EA IFF 85): WAV and AIFF are made of them, and each is a name, a length and as many bytes.

use std::io::{Read, Seek, SeekFrom};

use anyhow::Result;

/// A name and a length.
const HEAD: u64 = 8;

/// Chunks that are looked at; a file has a dozen.
const MOST_CHUNKS: usize = 1_000;

/// A file that is read piece by piece: a recording may be larger than what is wanted of it.
pub struct Source<R> {
    file: R,
    length: u64,
}

/// Where a chunk lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    pub name: [u8; 4],
    /// Behind its head.
    pub start: u64,
    /// As announced, which may be more than is there.
    pub length: u64,
}

impl<R: Read + Seek> Source<R> {
    pub fn new(mut file: R) -> Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, length })
    }

    /// The file, from a place on.
    pub fn into_file(mut self, start: u64) -> Result<R> {
        self.file.seek(SeekFrom::Start(start))?;
        Ok(self.file)
    }

    /// Bytes from a place to the file's end.
    pub fn behind(&self, start: u64) -> u64 {
        self.length.saturating_sub(start)
    }

    /// Up to so many bytes from a place; fewer where the file ends.
    pub fn bytes(&mut self, start: u64, count: u64) -> Result<Vec<u8>> {
        let count = count.min(self.behind(start));
        // A place beyond the end may be beyond what a place can be.
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::with_capacity(count as usize);
        self.file.seek(SeekFrom::Start(start))?;
        (&mut self.file).take(count).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The first place behind a tag that some programs put before the sound (ID3v2); 0 where there is none.
    pub fn behind_id3(&mut self) -> Result<u64> {
        Ok(match self.bytes(0, 10)?.as_slice() {
            &[b'I', b'D', b'3', _, _, _, a, b, c, d] => {
                10 + [a, b, c, d].iter().fold(0, |length, &part| length << 7 | u64::from(part & 0x7f))
            }
            _ => 0,
        })
    }

    /// The chunks from a place on. `length` mends what a chunk announces, or says by `None` that it reaches to the file's end
    /// and is the last.
    pub fn chunks(
        &mut self,
        mut start: u64,
        is_big_endian: bool,
        length: impl Fn(&Self, Chunk) -> Option<u64>,
    ) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        while chunks.len() < MOST_CHUNKS && self.behind(start) >= HEAD {
            let head = self.bytes(start, HEAD)?;
            let announced: [u8; 4] = head[4..8].try_into()?;
            let announced = if is_big_endian { u32::from_be_bytes(announced) } else { u32::from_le_bytes(announced) };
            let mut chunk = Chunk { name: head[..4].try_into()?, start: start + HEAD, length: u64::from(announced) };
            match length(self, chunk) {
                Some(length) => chunk.length = length,
                None => {
                    chunk.length = self.behind(chunk.start);
                    chunks.push(chunk);
                    break;
                }
            }
            chunks.push(chunk);
            start = chunk.start.saturating_add(chunk.length);
            // Chunks begin at even places; some programs forget that.
            if chunk.length % 2 == 1 && self.bytes(start, 1)?.first() == Some(&0) {
                start += 1;
            }
        }
        Ok(chunks)
    }
}

/// The chunk of a name.
pub fn chunk<'a>(chunks: &'a [Chunk], name: &[u8; 4]) -> Option<&'a Chunk> {
    chunks.iter().find(|chunk| &chunk.name == name)
}
