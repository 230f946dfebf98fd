//! A generated part of a file that is otherwise written by hand.

use anyhow::Context;

/// Puts `content` between the lines that bear `generated: NAME` and `generated: end`.
pub fn replace(text: &str, name: &str, content: &str) -> anyhow::Result<String> {
    let begin = format!("generated: {name}\n");
    let start = text.find(&begin).with_context(|| format!("there is no line `# generated: {name}`"))? + begin.len();
    let end =
        text[start..].find("generated: end").with_context(|| format!("`# generated: {name}` has no end"))? + start;
    let end = text[..end].rfind('\n').map_or(start, |line| line + 1);
    Ok([&text[..start], content, &text[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n  # generated: x\n  old\n  # generated: end\nb\n";
        let new = replace(text, "x", "  new\n  newer\n").unwrap();
        assert_eq!(new, "a\n  # generated: x\n  new\n  newer\n  # generated: end\nb\n");
        assert_eq!(replace(&new, "x", "  old\n").unwrap(), text);
        assert!(replace(text, "y", "").unwrap_err().to_string().contains("generated: y"));
    }
}
