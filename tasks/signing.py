"""Signing with Ed25519 (RFC 8032), so that openssl can verify it without this software."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class Signer:
    """A private key and what others may know of it.

    Attributes
    ----------
    public_pem
        The public key as PEM.
    fingerprint
        SHA-256 of the public key's DER form (SubjectPublicKeyInfo), as `openssl pkey -pubin -outform DER` gives it.
    """

    _private: Ed25519PrivateKey
    public_pem: bytes
    fingerprint: str

    def signature(self, data: bytes) -> bytes:
        """Return the 64 bytes that sign `data`; the same data has the same signature."""
        return self._private.sign(data)


def read_signer(path: Path) -> Signer:
    """Read the private key that CREDITNET_SIGNING_KEY names.

    Raises
    ------
    SettingsError
        If the file cannot be read or holds anything else than one unencrypted Ed25519 private key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise _unusable(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The message of the library may repeat what it read: a private key must not reach a log.
        raise _unusable(f"{path}: no private key in PEM form, or one with a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(f"{path}: a private key of another kind")
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Signer(key, pem, hashlib.sha256(der).hexdigest())


def _unusable(found: str) -> SettingsError:
    return SettingsError(
        "The signing key cannot be used.",
        expected="CREDITNET_SIGNING_KEY names a PEM file with an Ed25519 private key, without a password",
        found=found,
        way_out="make one with `openssl genpkey -algorithm ed25519 -out key.pem`, or unset it to pack unsigned",
    )
