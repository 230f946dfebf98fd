//! The terminal's other screen, on which one picture replaces another.

use std::io::{self, Stdout, Write, stdout};

/// Gives the terminal back as it was when it is dropped. Codes: ECMA-48, and xterm's private modes for the other screen
/// (1049), the cursor (25) and the breaking of long lines (7).
pub struct Screen(Stdout);

impl Screen {
    pub fn open() -> io::Result<Self> {
        let mut screen = Self(stdout());
        screen.write("\x1b[?1049h\x1b[?25l\x1b[?7l")?;
        Ok(screen)
    }

    /// Over what is there, so that nothing flickers.
    pub fn draw(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("\x1b[H{}\x1b[K\n\x1b[J", text.replace('\n', "\x1b[K\n")))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to give back.
        let _ = self.write("\x1b[?7h\x1b[?25h\x1b[?1049l");
    }
}
