//! One line of text that is being edited, with what was entered before.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A line under the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Editor {
    text: String,
    /// Byte offset, at a character's boundary.
    cursor: usize,
}

impl Editor {
    /// `text` with the cursor at its end.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    /// The line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Byte offset of the cursor.
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts `text` in place of `start..end`.
    pub(super) fn replace(&mut self, start: usize, end: usize, text: &str) {
        if self.text.is_char_boundary(start) && self.text.is_char_boundary(end) && start <= end {
            self.text.replace_range(start..end, text);
            self.cursor = start + text.len();
        }
    }

    /// Takes a key; true when the line or the cursor has changed.
    pub(super) fn key(&mut self, key: &KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => self.replace(0, self.cursor, ""),
            KeyCode::Char('k') if control => self.text.truncate(self.cursor),
            KeyCode::Char('w') if control => self.replace(self.word_start(), self.cursor, ""),
            KeyCode::Char(_) if control => return false,
            KeyCode::Char(c) => self.replace(self.cursor, self.cursor, c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.replace(self.before(), self.cursor, ""),
            KeyCode::Delete => {
                let at = self.cursor;
                self.replace(at, self.after(), "");
            }
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].chars().next_back().map_or(0, |c| self.cursor - c.len_utf8())
    }

    fn after(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |c| self.cursor + c.len_utf8())
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| {
            let c = before[at..].chars().next().map_or(1, char::len_utf8);
            // A sign by itself is a word too.
            if at + c == before.len() { at } else { at + c }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, keys: &[(KeyCode, KeyModifiers)]) -> String {
        for (code, modifiers) in keys {
            editor.key(&KeyEvent::new(*code, *modifiers));
        }
        editor.text().to_owned()
    }

    #[test]
    fn letters_go_in_where_the_cursor_is() {
        let mut editor = Editor::new("htp");
        let keys = [(KeyCode::Left, KeyModifiers::NONE), (KeyCode::Char('t'), KeyModifiers::NONE)];
        assert_eq!(typed(&mut editor, &keys), "http");
        assert_eq!(typed(&mut editor, &[(KeyCode::Delete, KeyModifiers::NONE)]), "htt");
    }

    #[test]
    fn words_and_wide_letters_go_whole() {
        let mut editor = Editor::new("path = 'ü");
        assert_eq!(typed(&mut editor, &[(KeyCode::Backspace, KeyModifiers::NONE)]), "path = '");
        assert_eq!(typed(&mut editor, &[(KeyCode::Char('w'), KeyModifiers::CONTROL)]), "path = ");
        assert_eq!(typed(&mut editor, &[(KeyCode::Char('u'), KeyModifiers::CONTROL)]), "");
        assert_eq!(typed(&mut editor, &[(KeyCode::Backspace, KeyModifiers::NONE)]), "");
    }
}
