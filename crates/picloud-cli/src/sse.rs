//! Server-sent events, as they come.

use std::io::{self, BufRead};

/// Most bytes of one line.
const LINE: u64 = 4 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; empty for a plain message.
    pub(crate) name: String,
    /// Its id, to continue after it.
    pub(crate) id: Option<String>,
    /// Its data.
    pub(crate) data: String,
}

/// The next event; `None` at the end. Comments, which keep the connection alive, are skipped.
pub(crate) fn next(from: &mut impl BufRead) -> io::Result<Option<Event>> {
    let mut event = Event::default();
    let mut seen = false;
    loop {
        let mut line = Vec::new();
        io::Read::take(&mut *from, LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            // An event that was cut off is none.
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            if seen {
                return Ok(Some(event));
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.to_owned()),
            "data" => {
                if seen {
                    event.data.push('\n');
                }
                event.data.push_str(value);
                seen = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_comments_are_not_and_a_cut_off_one_is_none() {
        let text =
            ": hello\n\nevent: log\nid: 1:2\ndata: a\ndata: b\n\n:\n\ndata: c\r\n\r\ndata: cut";
        let mut from = text.as_bytes();
        let first = next(&mut from).unwrap().unwrap();
        assert_eq!((first.name.as_str(), first.data.as_str()), ("log", "a\nb"));
        assert_eq!(first.id.as_deref(), Some("1:2"));
        assert_eq!(next(&mut from).unwrap().unwrap().data, "c");
        assert_eq!(next(&mut from).unwrap(), None);
    }
}
