"""Deterministic data: the ChaCha20 streams that Kubo's own tests are seeded with."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["stream"]


def stream(seed: str, length: int) -> bytes:
    """The first ``length`` bytes of the ChaCha20 keystream of key SHA-256(``seed``), nonce 0, counter 0.

    Kubo: ``test/cli/testutils/random_deterministic.go``.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    cipher = Cipher(algorithms.ChaCha20(sha256(seed.encode()).digest(), bytes(16)), mode=None)
    return cipher.encryptor().update(bytes(length))
