//! An issuer with a key of each algorithm that signs whatever it is given: bytes that no library for tokens would write.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use system_tests::auth::{AUDIENCE, ISSUER};

/// A name, and what stands behind `Bearer `.
pub type Attack = (String, String);

/// The private keys.
pub struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    /// The key of `ec`, for signatures in ASN.1.
    ec_der: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    /// A key that is in no set.
    p384: EcdsaKeyPair,
}

impl Issuer {
    pub fn new() -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.unwrap();
        let read = |how| EcdsaKeyPair::from_pkcs8(how, document.as_ref()).unwrap();
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: read(&ECDSA_P256_SHA256_FIXED_SIGNING),
            ec_der: read(&ECDSA_P256_SHA256_ASN1_SIGNING),
            ed: Ed25519KeyPair::generate().unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        }
    }

    /// The public keys, as the server reads them.
    pub fn key_set(&self) -> Value {
        json!({"keys": [
            self.jwk("rsa"), self.jwk("ec"), self.jwk("ed"),
        ]})
    }

    /// One public key.
    pub fn jwk(&self, id: &str) -> Value {
        let rsa = self.rsa.public_key().as_ref();
        let point = self.ec.public_key().as_ref();
        match id {
            // An RSAPublicKey of 2,048 bits: its modulus stands between two heads of known lengths.
            "rsa" => json!({"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256",
                "n": BASE64.encode(&rsa[9..265]), "e": "AQAB"}),
            "ec" => json!({"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
                "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])}),
            _ => json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig",
                "x": BASE64.encode(self.ed.public_key())}),
        }
    }

    /// The forms in which an attacker may know the RSA key: DER, and PEM with and without its last line end.
    pub fn public_rsa(&self) -> Vec<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = self.rsa.public_key().as_der().unwrap();
        let lines = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
        let jwk = self.jwk("rsa").to_string();
        vec![
            der.as_ref().to_vec(),
            self.rsa.public_key().as_ref().to_vec(),
            pem.clone().into_bytes(),
            format!("{pem}\n").into_bytes(),
            jwk.into_bytes(),
        ]
    }

    /// A signature over this text, by the way of signing with this name.
    pub fn signature(&self, how: &str, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match how {
            "RS256" => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
            "ES256" => self.ec.sign(&random, text).unwrap().as_ref().to_vec(),
            "ES256 in DER" => self.ec_der.sign(&random, text).unwrap().as_ref().to_vec(),
            "ES384" => self.p384.sign(&random, text).unwrap().as_ref().to_vec(),
            _ => self.ed.sign(text).as_ref().to_vec(),
        }
    }

    /// A token of exactly this header and these claims.
    pub fn token(&self, how: &str, header: &str, claims: &str) -> String {
        let text = unsigned(header, claims);
        format!("{text}.{}", BASE64.encode(self.signature(how, text.as_bytes())))
    }

    /// A token that is as it should be but for what is passed.
    pub fn ed(&self, header: &Value, claims: &Value) -> String {
        self.token("EdDSA", &header.to_string(), &claims.to_string())
    }
}

/// What is signed.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", BASE64.encode(header), BASE64.encode(claims))
}

/// A token signed with HS256 and this secret.
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let text = unsigned(&header.to_string(), &claims.to_string());
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature))
}

/// A header that fits the Ed25519 key.
pub fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": "ed"})
}

pub fn header_with(name: &str, value: Value) -> Value {
    let mut header = header();
    header[name] = value;
    header
}

/// Claims of somebody who may do everything.
pub fn claims() -> Value {
    json!({"sub": super::SUBJECT, "exp": now() + 600, "iss": ISSUER, "aud": AUDIENCE, "roles": ["admin"]})
}

pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

pub fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}
