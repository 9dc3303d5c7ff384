//! Secrets and texts about people are in no `Debug`.

use crate::world::{START, http, opened};
use outside::Secret;
use outside::carrier::{Booking, Carrier};
use outside::mail::{Account, Letter, Smtp, SmtpSettings, Tls};
use outside::psp::{MethodToken, Opening, Psp, WebhookSecret};
use outside::wire::{Ask, Content, Method};
use sandbox::Shared;
use std::time::Duration;
use uuid::Uuid;

/// Stands for every secret.
const HIDDEN: &str = "hush-hush-0815";

fn secret() -> Secret {
    Secret::new(HIDDEN)
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let http = http(1, HIDDEN, Duration::from_secs(1));
    let account = Account { user: "shop".to_owned(), password: secret() };
    let settings = SmtpSettings {
        host: "localhost".to_owned(),
        port: 1,
        tls: Tls::StartTls,
        trusted_pem: None,
        account: Some(account),
        from: "shop@example.com".to_owned(),
        patience: Duration::from_secs(1),
        patience_with_message: Duration::from_secs(1),
    };
    let letter = Letter {
        message_id: "<1@example.com>".to_owned(),
        to: secret(),
        subject: secret(),
        text: secret(),
    };
    let amount = crate::world::usd(1);
    let ask = Ask {
        method: Method::Post,
        path: "/v1/payment_intents".to_owned(),
        content: Content::Form(vec![("payment_method".to_owned(), secret())]),
        key: None,
    };
    let booking = Booking {
        reference: Uuid::nil(),
        country: "DE".to_owned(),
        parcels: 1,
        deliver_to: secret(),
    };
    let method = MethodToken(secret());
    let shown = [
        format!("{:?}", secret()),
        format!("{:#?}", Psp::stripe(http.clone())),
        format!("{:#?}", Carrier::over_http(http)),
        format!("{:#?}", WebhookSecret(secret())),
        format!("{:#?}", Smtp::new(settings.clone()).unwrap()),
        format!("{settings:#?}"),
        format!("{letter:#?}"),
        format!("{ask:#?}"),
        format!("{booking:#?}"),
        format!("{:#?}", Opening { payment_id: Uuid::nil(), amount, method }),
    ];
    for text in shown {
        assert!(!text.contains(HIDDEN) && text.len() > 5, "{text}");
    }
}

#[tokio::test]
async fn what_the_customer_continues_with_is_not_shown() {
    let psp = Psp::sandbox(Shared::new(START));
    let id = opened(&psp, "pm_card_authenticationRequired").await;
    psp.confirm(&crate::world::key(), &id).await.unwrap();
    let action = psp.action(&id).await.unwrap().unwrap();
    let shown = format!("{action:?}");
    for hidden in [action.url.unwrap(), action.client_secret.unwrap()] {
        assert!(!shown.contains(hidden.expose()), "{shown}");
    }
}
