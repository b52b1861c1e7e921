//! Signatures of callbacks, as Standard Webhooks prescribes them.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

/// How a secret begins whose rest is the base64 of the key.
const ENCODED: &str = "whsec_";

/// The keys of one receiver: one, or two while its secret is changed. They do not print.
#[derive(Debug)]
pub struct Keys(Vec<SecretSlice<u8>>);

/// A secret that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// What follows `whsec_` is not base64.
    #[error("must be base64 after `whsec_`")]
    NotBase64,
    /// There is nothing.
    #[error("is empty")]
    Empty,
}

impl Keys {
    /// Reads a secret: `whsec_` and the base64 of a key, or any text, whose bytes are then the key.
    /// Several are separated by spaces, and each signs.
    pub fn read(secret: &SecretString) -> Result<Self, BadSecret> {
        let parts = secret.expose_secret().split_ascii_whitespace();
        let keys = parts.map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(BadSecret::Empty) } else { Ok(Self(keys)) }
    }

    /// The value of `webhook-signature`: one signature for each key, separated by spaces.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signature = |key: &SecretSlice<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
                .expect("HMAC takes keys of every length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body.as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

fn key(secret: &str) -> Result<SecretSlice<u8>, BadSecret> {
    let bytes = match secret.strip_prefix(ENCODED) {
        Some("") => return Err(BadSecret::Empty),
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| BadSecret::NotBase64)?,
        None => secret.as_bytes().to_vec(),
    };
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;

    fn sign(secret: &str) -> String {
        Keys::read(&secret.into()).unwrap().sign(ID, 1_614_265_330, BODY)
    }

    #[test]
    fn the_vector_of_standard_webhooks_is_matched() {
        assert_eq!(sign(SECRET), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_without_the_prefix_is_its_own_key() {
        let decoded = STANDARD.decode(&SECRET[ENCODED.len()..]).unwrap();
        assert_ne!(sign(&SECRET[ENCODED.len()..]), sign(SECRET));
        let text = "correct horse battery staple".replace(' ', "-");
        let encoded = format!("{ENCODED}{}", STANDARD.encode(&text));
        assert_eq!(sign(&text), sign(&encoded), "the bytes of the text");
        assert_eq!(decoded.len(), 24);
    }

    #[test]
    fn two_secrets_sign_twice() {
        let both = sign(&format!("{SECRET} another-secret-16"));
        assert_eq!(both, format!("{} {}", sign(SECRET), sign("another-secret-16")));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_none_is_printed() {
        let read = |secret: &str| Keys::read(&secret.into()).map(|_| ());
        assert_eq!(read(" "), Err(BadSecret::Empty));
        assert_eq!(read("whsec_"), Err(BadSecret::Empty));
        assert_eq!(read("whsec_no*base64"), Err(BadSecret::NotBase64));
        let printed = format!("{:?}", Keys::read(&"canary-canary-canary".into()).unwrap());
        assert!(!printed.contains("canary") && !printed.contains("99"), "{printed}");
    }
}
