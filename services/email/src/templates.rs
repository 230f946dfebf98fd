//! The texts of the mail: escaped where it is HTML, and strict about what they may name.

use std::sync::LazyLock;

use lettre::message::{Mailbox, Message, MultiPart};
use minijinja::{Environment, UndefinedBehavior, context};

use crate::store::lease::Leased;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in [
        // Escaping goes by the name's ending.
        ("welcome.html", include_str!("../templates/welcome.html")),
        ("welcome.txt", include_str!("../templates/welcome.txt")),
    ] {
        templates.add_template(name, source).expect("a template that a test renders");
    }
    templates
});

/// The welcome mail: `multipart/alternative`, text first (RFC 2046, section 5.1.4).
pub fn welcome(mail: &Leased, from: &Mailbox) -> anyhow::Result<Message> {
    let to = Mailbox::new(Some(mail.name.clone()), mail.address.parse()?);
    let render = |name: &str| TEMPLATES.get_template(name)?.render(context! { name => mail.name.as_str() });
    Ok(Message::builder()
        .from(from.clone())
        .to(to)
        .subject("Welcome to Pas de Trois")
        .message_id(Some(format!("<{}>", mail.message_id)))
        .multipart(MultiPart::alternative_plain_html(render("welcome.txt")?, render("welcome.html")?))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_in_html_and_plain_in_text() {
        let render = |template: &str| {
            let template = TEMPLATES.get_template(template).expect("known");
            template.render(context! { name => "<script>alert('Ada')</script>" }).expect("renders")
        };
        assert!(render("welcome.txt").contains("<script>alert('Ada')</script>"));
        let html = render("welcome.html");
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    }
}
