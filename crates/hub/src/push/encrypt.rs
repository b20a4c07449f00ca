//! Message encryption for Web Push: RFC 8291, by the content coding `aes128gcm` of RFC 8188, in one record.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// Bytes of a public key on the curve P-256, not compressed.
pub(super) const PUBLIC_KEY: usize = 65;
/// Bytes of the secret of a subscription.
pub(super) const AUTH: usize = 16;
/// Bytes of the salt of a message.
const SALT: usize = 16;
/// The size of a record, which is larger than any message.
const RECORD: u32 = 4096;
/// Ends the last record.
const LAST: u8 = 2;

/// Encrypts a message for the subscription with this key and secret. `None` if its key is on no curve.
pub(super) fn seal(plain: &[u8], device: &[u8], auth: &[u8]) -> Option<Vec<u8>> {
    let own = PrivateKey::generate(&ECDH_P256).ok()?;
    seal_with(plain, device, auth, rand::random(), &own)
}

fn seal_with(
    plain: &[u8],
    device: &[u8],
    auth: &[u8],
    salt: [u8; SALT],
    own: &PrivateKey,
) -> Option<Vec<u8>> {
    let public = own.compute_public_key().ok()?;
    let public: &[u8] = public.as_ref();
    let peer = UnparsedPublicKey::new(&ECDH_P256, device);
    let input: [u8; 32] = agree(own, peer, (), |secret| {
        let info: [&[u8]; 3] = [b"WebPush: info\0", device, public];
        let prk = Salt::new(HKDF_SHA256, auth).extract(secret);
        expand(&prk, &info).ok_or(())
    })
    .ok()?;
    let prk = Salt::new(HKDF_SHA256, &salt).extract(&input);
    let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"])?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    let mut sealed = [plain, &[LAST]].concat();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .ok()?;
    let length = u8::try_from(public.len()).ok()?;
    Some([&salt[..], &RECORD.to_be_bytes(), &[length], public, &sealed].concat())
}

/// A number of bytes.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let okm = prk.expand(info, Bytes(N)).ok()?;
    okm.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_is_encrypted_as_it_says() {
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let device = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let auth = bytes("BTBZMqHH6r4Tts7J_aSIgg");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let plain = b"When I grow up, I want to be a watermelon";
        let sealed = seal_with(plain, &device, &auth, salt, &own).unwrap();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_\
             yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn a_key_that_is_on_no_curve_gets_nothing() {
        assert_eq!(seal(b"x", &[4; PUBLIC_KEY], &[0; AUTH]), None);
        assert_eq!(seal(b"x", b"", &[0; AUTH]), None);
    }
}
