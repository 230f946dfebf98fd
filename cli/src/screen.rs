//! The terminal's other screen, on which one picture replaces another.

use std::io::{self, Write, stdout};

/// Gives the terminal back as it was when it is dropped. Codes: ECMA-48, and xterm's private modes for the other screen
/// (1049), the cursor (25) and the breaking of long lines (7).
pub struct Screen(());

impl Screen {
    pub fn open() -> io::Result<Self> {
        write("\x1b[?1049h\x1b[?25l\x1b[?7l")?;
        Ok(Self(()))
    }

    /// Over what is there, so that nothing flickers.
    pub fn draw(&mut self, text: &str) -> io::Result<()> {
        let lines: String = text.lines().map(|line| format!("{line}\x1b[K\r\n")).collect();
        write(&format!("\x1b[H{lines}\x1b[J"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to give back.
        let _ = write("\x1b[?7h\x1b[?25h\x1b[?1049l");
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
