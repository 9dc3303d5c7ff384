//! Watches the bytes of a connection for heads whose body length is told twice.
//!
//! hyper lets `Transfer-Encoding` win over `Content-Length` and drops equal repeats, so that no handler can see what a
//! proxy in front may have read otherwise: the classic way to smuggle a request. Here such a head is spoilt on its way
//! in, and hyper refuses it as it refuses any unreadable head. Nothing else is judged: the grammar is hyper's matter.

/// Longest part of a line that is looked at; lines that matter are shorter.
const MAX_LINE: usize = 256;
/// Nobody means a body longer than this; the longest numbers hyper would call a head too large (431).
const MAX_LENGTH: u64 = i64::MAX as u64;

/// What the next bytes belong to.
enum Phase {
    RequestLine,
    Fields,
    /// So many bytes of a body, or of a chunk with its line end.
    Sized {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    Trailers,
    /// After a spoilt head: the connection ends.
    Spoilt,
}

/// Where in a connection's bytes we are.
pub(super) struct Framing {
    phase: Phase,
    /// The beginning of a line that came in pieces.
    line: Vec<u8>,
    /// Bytes of the line so far, kept or not.
    line_length: usize,
    request_line: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::RequestLine,
            line: Vec::new(),
            line_length: 0,
            request_line: 0,
            length: None,
            chunked: false,
        }
    }

    /// Length of the latest request line, as far as it has arrived.
    pub(super) fn request_line(&self) -> usize {
        match self.phase {
            Phase::RequestLine if self.line_length > 0 => self.line_length,
            _ => self.request_line,
        }
    }

    /// Follows `bytes`; where a head tells its length twice, the line's end is overwritten.
    pub(super) fn follow(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.phase {
                Phase::Spoilt => return,
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
                        return;
                    }
                    Some(end) => {
                        if !self.end_line(&bytes[at..at + end]) {
                            bytes[at + end] = 0;
                            self.phase = Phase::Spoilt;
                        }
                        at += end + 1;
                    }
                },
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        self.line_length += piece.len();
    }

    /// False if the line may not stand where it stands.
    fn end_line(&mut self, piece: &[u8]) -> bool {
        if self.line_length == 0 {
            self.line_length = piece.len();
            let fits = self.read_line(piece);
            self.line_length = 0;
            return fits;
        }
        self.keep(piece);
        let line = std::mem::take(&mut self.line);
        let fits = self.read_line(&line);
        self.line_length = 0;
        fits
    }

    fn read_line(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.phase {
            Phase::RequestLine if line.is_empty() => true,
            Phase::RequestLine => {
                self.request_line = self.line_length;
                (self.length, self.chunked) = (None, false);
                self.phase = Phase::Fields;
                true
            }
            Phase::Fields if line.is_empty() => {
                self.phase = match (self.chunked, self.length) {
                    (true, _) => Phase::ChunkSize,
                    (false, None | Some(0)) => Phase::RequestLine,
                    (false, Some(left)) => Phase::Sized { left, chunked: false },
                };
                true
            }
            Phase::Fields => self.read_field(line),
            Phase::ChunkSize => self.read_chunk_size(line),
            Phase::Trailers if line.is_empty() => {
                self.phase = Phase::RequestLine;
                true
            }
            Phase::Trailers | Phase::Sized { .. } | Phase::Spoilt => true,
        }
    }

    fn read_field(&mut self, line: &[u8]) -> bool {
        if let Some(value) = value_of(line, b"content-length:") {
            let told = self.length.is_some() || self.chunked;
            let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            self.length = length.filter(|length| *length <= MAX_LENGTH);
            return !told && self.length.is_some();
        }
        if value_of(line, b"transfer-encoding:").is_some() {
            self.chunked = true;
            return self.length.is_none();
        }
        true
    }

    fn read_chunk_size(&mut self, line: &[u8]) -> bool {
        /// A chunk is followed by CR LF.
        const LINE_END: u64 = 2;
        let digits = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next();
        let size = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        match size {
            Some(0) => self.phase = Phase::Trailers,
            Some(size) => {
                let left = size.saturating_add(LINE_END);
                self.phase = Phase::Sized { left, chunked: true };
            }
            None => return false,
        }
        true
    }
}

fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (given, value) = line.split_at_checked(name.len())?;
    given.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True if the bytes pass untouched, in one piece and byte by byte.
    fn passes(text: &str) -> bool {
        let mut whole = text.as_bytes().to_vec();
        Framing::new().follow(&mut whole);
        let mut pieces = text.as_bytes().to_vec();
        let mut framing = Framing::new();
        for byte in pieces.chunks_mut(1) {
            framing.follow(byte);
        }
        assert_eq!(whole, pieces, "pieces make no difference");
        whole == text.as_bytes()
    }

    #[test]
    fn heads_that_tell_the_length_once_pass() {
        let sized = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n12345\r\n0\r\nT: 1\r\n\r\n";
        let plain = "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n";
        assert!(passes(&[sized, chunked, plain, sized, chunked].concat()));
    }

    #[test]
    fn a_body_that_looks_like_a_head_passes() {
        let body = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
        let length = body.len();
        assert!(passes(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")));
        assert!(passes(&format!(
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        )));
    }

    #[test]
    fn a_length_told_twice_is_spoilt_wherever_it_comes() {
        let (cl, te) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
        for fields in [[cl, cl], [cl, te], [te, cl]] {
            let bad = format!("POST / HTTP/1.1\r\n{}\r\n", fields.concat());
            assert!(!passes(&bad), "{bad}");
            assert!(!passes(&format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{bad}")), "{bad}");
        }
    }

    #[test]
    fn a_length_that_nobody_means_is_spoilt() {
        let head = |length| format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        assert!(passes(&head(MAX_LENGTH)));
        assert!(!passes(&head(MAX_LENGTH + 1)) && !passes(&head(u64::MAX)));
    }

    #[test]
    fn the_request_line_is_measured() {
        let mut framing = Framing::new();
        framing.follow(&mut vec![b'a'; 70_000]);
        assert_eq!(framing.request_line(), 70_000);
        framing.follow(&mut b"\r\nHost: a\r\n\r\n".to_vec());
        assert_eq!(framing.request_line(), 70_001, "also when the head is complete");
    }
}
