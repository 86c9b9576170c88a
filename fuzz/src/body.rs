//! Bodies of refusals, taken out of the bytes in the simplest way: all of them at once.

/// What a client keeps of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) is_cut: bool,
}

/// The body in `rest`, after which the stream has ended. `None` if this reader cannot tell: it does
/// not read trailers.
pub(super) fn read(
    status: u16,
    encodings: &[&str],
    length: Option<Option<u64>>,
    rest: &[u8],
    max: usize,
) -> Option<Body> {
    let keep = |len: usize, is_cut| Some(Body { bytes: rest[..len].to_vec(), is_cut });
    // No other blanks: the characters here are bytes, and one of them is a blank of Unicode.
    let codings = encodings.iter().flat_map(|line| line.split(','));
    let mut codings = codings.map(|coding| coding.trim_matches([' ', '\t']));
    let last = codings.rfind(|coding| !coding.is_empty());
    match (status, last, length) {
        (204 | 304, _, _) => keep(0, false),
        (_, Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => chunks(rest, max),
        (_, None, Some(None)) => keep(0, true),
        (_, None, Some(Some(length))) => {
            let wanted = usize::try_from(length).unwrap_or(usize::MAX);
            let len = wanted.min(rest.len()).min(max);
            keep(len, len < wanted)
        }
        (_, _, _) => keep(rest.len().min(max), rest.len() > max || max == 0),
    }
}

fn chunks(mut rest: &[u8], max: usize) -> Option<Body> {
    let mut body = Body { bytes: vec![], is_cut: true };
    if max == 0 {
        return Some(body);
    }
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return Some(body) };
        let (line, behind) = (&rest[..end], &rest[end + 2..]);
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extension) = line.split_at(digits);
        let has_control =
            extension.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f);
        let is_extension = extension.trim_ascii_start().starts_with(b";") && !has_control;
        let is_line = end + 2 <= 256
            && matches!(digits.len(), 1..=16)
            && (extension.is_empty() || is_extension);
        if !is_line {
            return Some(body);
        }
        let size =
            u64::from_str_radix(str::from_utf8(digits).expect("digits"), 16).expect("16 digits");
        if size == 0 {
            body.is_cut = behind.len() < 2;
            return (behind.len() < 2 || behind.starts_with(b"\r\n")).then_some(body);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let len = size.min(behind.len()).min(max - body.bytes.len());
        body.bytes.extend_from_slice(&behind[..len]);
        match behind[len..].strip_prefix(b"\r\n") {
            Some(next) if len == size => rest = next,
            _ => return Some(body),
        }
    }
}
