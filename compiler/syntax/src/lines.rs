//! Lines and columns from byte offsets, for whoever shows a place.

/// Where the lines of a text begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Looks through the text once.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        starts.extend(breaks.map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)));
        LineIndex { starts }
    }

    /// The line (from 1) and the column (from 1, in characters) of this byte of `text`, which must be the
    /// text that the index was made of. A place after the end is the end.
    pub fn line_column(&self, text: &str, offset: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let end = (offset as usize).min(text.len());
        let before = text.get(start as usize..end).unwrap_or("");
        let column = before.chars().count() + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }

    /// The byte at which this line (from 1) begins, if there is such a line.
    pub fn line_start(&self, line: u32) -> Option<u32> {
        self.starts.get((line as usize).checked_sub(1)?).copied()
    }
}
