//! Follows the bytes of an HTTP/1 connection and finds the request whose body length is ambiguous.
//!
//! hyper lets `Transfer-Encoding` win over `Content-Length` and drops equal repeats. So no handler can see what a proxy
//! in front may have read otherwise: the classic way to smuggle a request. The guard reads the same bytes as the parser,
//! before it, and names the line that must not arrive there. It judges nothing else: the grammar is the parser's matter.
//!
//! It knows bytes only: no socket, no parser, no answer.

#![cfg_attr(test, allow(clippy::unwrap_used))]

/// Longest part of a line that is looked at; lines that matter are shorter.
const MAX_LINE: usize = 256;
/// The longest body; the longest numbers hyper would call a head too large (431).
const MAX_LENGTH: u64 = i64::MAX as u64;

/// Why a request must not reach the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head states the body's length more than once, in whatever way.
    LengthRepeated,
    /// `Content-Length` is no number of bytes.
    LengthUnreadable,
    /// A chunk does not begin with its size.
    ChunkSizeUnreadable,
}

/// The line that is refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Index of the line's end (its line feed) among the bytes given. A parser that gets another byte in its place
    /// cannot read the request.
    pub line_end: usize,
    /// Why.
    pub why: Refusal,
}

/// What the next bytes belong to.
enum Phase {
    RequestLine,
    Fields,
    /// A body, or a chunk with its line end, of `left` more bytes.
    Sized {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    Trailers,
    /// After a refusal: the connection ends.
    Refused,
}

/// Where in the bytes of one connection we are.
pub struct Guard {
    phase: Phase,
    /// The beginning of a line that came in pieces.
    line: Vec<u8>,
    /// Bytes of the line until now, kept or not.
    line_length: usize,
    request_line: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            phase: Phase::RequestLine,
            line: Vec::new(),
            line_length: 0,
            request_line: 0,
            length: None,
            chunked: false,
        }
    }
}

impl Guard {
    /// Bytes of the latest request line, as far as it has arrived.
    pub fn request_line(&self) -> usize {
        match self.phase {
            Phase::RequestLine if self.line_length > 0 => self.line_length,
            _ => self.request_line,
        }
    }

    /// Whether a head has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        match self.phase {
            Phase::RequestLine => self.line_length > 0,
            Phase::Fields => true,
            _ => false,
        }
    }

    /// Follows the next bytes of the connection, cut where the caller likes. It accepts all that come after a refusal: the
    /// parser ends the connection there.
    ///
    /// # Errors
    /// The first line that makes the length of a body ambiguous.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.phase {
                Phase::Refused => break,
                Phase::Sized { left, chunked } => {
                    let here = usize::try_from(*left).map_or(rest.len(), |n| n.min(rest.len()));
                    *left -= here as u64;
                    at += here;
                    if *left == 0 {
                        self.phase = if *chunked { Phase::ChunkSize } else { Phase::RequestLine };
                    }
                }
                _ => match rest.iter().position(|byte| *byte == b'\n') {
                    None => {
                        self.keep(rest);
                        break;
                    }
                    Some(end) => {
                        if let Err(why) = self.end_line(&rest[..end]) {
                            self.phase = Phase::Refused;
                            return Err(Refused { line_end: at + end, why });
                        }
                        at += end + 1;
                    }
                },
            }
        }
        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        self.line_length += piece.len();
    }

    fn end_line(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        if self.line_length == 0 {
            self.line_length = piece.len();
            let read = self.read_line(piece);
            self.line_length = 0;
            return read;
        }
        self.keep(piece);
        let line = std::mem::take(&mut self.line);
        let read = self.read_line(&line);
        self.line_length = 0;
        read
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.phase {
            Phase::RequestLine if line.is_empty() => {}
            Phase::RequestLine => {
                self.request_line = self.line_length;
                (self.length, self.chunked) = (None, false);
                self.phase = Phase::Fields;
            }
            Phase::Fields if line.is_empty() => {
                self.phase = match (self.chunked, self.length) {
                    (true, _) => Phase::ChunkSize,
                    (false, None | Some(0)) => Phase::RequestLine,
                    (false, Some(left)) => Phase::Sized { left, chunked: false },
                };
            }
            Phase::Fields => return self.read_field(line),
            Phase::ChunkSize => return self.read_chunk_size(line),
            Phase::Trailers if line.is_empty() => self.phase = Phase::RequestLine,
            Phase::Trailers | Phase::Sized { .. } | Phase::Refused => {}
        }
        Ok(())
    }

    fn read_field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if let Some(value) = value_of(line, b"content-length:") {
            if self.length.is_some() || self.chunked {
                return Err(Refusal::LengthRepeated);
            }
            let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            self.length = length.filter(|length| *length <= MAX_LENGTH);
            return self.length.map(|_| ()).ok_or(Refusal::LengthUnreadable);
        }
        if value_of(line, b"transfer-encoding:").is_some() {
            self.chunked = true;
            if self.length.is_some() {
                return Err(Refusal::LengthRepeated);
            }
        }
        Ok(())
    }

    fn read_chunk_size(&mut self, line: &[u8]) -> Result<(), Refusal> {
        /// A chunk is followed by CR LF.
        const LINE_END: u64 = 2;
        let digits = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next();
        let size = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(Refusal::ChunkSizeUnreadable)?;
        self.phase = match size {
            0 => Phase::Trailers,
            size => Phase::Sized { left: size.saturating_add(LINE_END), chunked: true },
        };
        Ok(())
    }
}

fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (given, value) = line.split_at_checked(name.len())?;
    given.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests;
