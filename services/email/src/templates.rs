//! The texts of the mail: escaped where it is HTML, and strict about what they may name.

use std::sync::LazyLock;

use anyhow::Context;
use contracts::{CustomerName, EmailAddress};
use lettre::{
    address::Envelope,
    message::{Mailbox, Message, MultiPart},
};
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
    // Older releases stored what an event said as it was.
    let (name, address) = (CustomerName::parse(&mail.name)?, EmailAddress::parse(&mail.address)?);
    let to = Mailbox::new(Some(name.expose().to_owned()), address.expose().parse()?);
    // Given, not read from the header again: lettre can't read a quoted local part there.
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]).context("an envelope")?;
    let render = |template: &str| TEMPLATES.get_template(template)?.render(context! { name => name.expose() });
    Ok(Message::builder()
        .from(from.clone())
        .to(to)
        .envelope(envelope)
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
