from __future__ import annotations

import hashlib
from typing import Any

import pytest

from emulator.core.values import (
    TYPED_ARRAYS,
    ArrayBuffer,
    DataView,
    JsArray,
    JsException,
    JsObject,
    PyProxy,
    jsnull,
    to_js,
)
from emulator.web.crypto import Crypto, CryptoKey

HMAC = JsObject({"name": "HMAC", "hash": "SHA-256"})
BOTH = JsArray(["verify", "sign"])


def entropy(count: int) -> bytes:
    return bytes(range(256)) * (count // 256) + bytes(range(count % 256))


crypto = Crypto(entropy)
subtle = crypto.subtle


def refused_now(call: Any) -> str:
    with pytest.raises(JsException) as info:
        call()
    return str(info.value)


async def refused(awaitable: Any) -> str:
    with pytest.raises(JsException) as info:
        await awaitable
    return str(info.value)


async def key(usages: Any = BOTH, *, extractable: bool = False, algorithm: Any = HMAC) -> CryptoKey:
    result: CryptoKey = await subtle.importKey("raw", to_js(b"key"), algorithm, extractable, usages)
    return result


def test_a_uuid_has_its_version_and_variant() -> None:
    assert crypto.randomUUID() == "00010203-0405-4607-8809-0a0b0c0d0e0f"


def test_random_values_fill_the_callers_view() -> None:
    view = to_js(bytes(4)).subarray(1, 3)
    assert crypto.getRandomValues(view) is view
    assert view.buffer.to_bytes() == b"\0\0\1\0"


def test_random_values_are_checked() -> None:
    assert refused_now(lambda: crypto.getRandomValues(to_js(bytes(65537)))) == (
        "QuotaExceededError: getRandomValues() only accepts buffers of size <= 64K "
        "but provided 65537 bytes."
    )
    floats = TYPED_ARRAYS["Float32Array"](ArrayBuffer(bytearray(4)))
    for view in (floats, DataView(ArrayBuffer(bytearray(2)))):
        assert refused_now(lambda view=view: crypto.getRandomValues(view)) == (
            "TypeMismatchError: ArrayBufferView argument to getRandomValues() must be an "
            "integer-typed view."
        )
    for value in (None, "x", ArrayBuffer(bytearray(2)), b"proxy"):
        assert refused_now(lambda value=value: crypto.getRandomValues(value)) == (
            "TypeError: Failed to execute 'getRandomValues' on 'Crypto': "
            "parameter 1 is not of type 'ArrayBufferView'."
        )


@pytest.mark.parametrize("name", ["SHA-1", "sha-256", "SHA-384", "SHA-512", "MD5"])
async def test_digests(name: str) -> None:
    expected = hashlib.new(name.replace("-", ""), b"a", usedforsecurity=False).digest()
    for algorithm in (name, JsObject({"name": name}), {"name": name}):
        assert (await subtle.digest(algorithm, to_js(b"a"))).to_bytes() == expected


@pytest.mark.parametrize("algorithm", ["SHA-224", "foo", JsObject()])
async def test_an_unknown_digest_is_not_supported(algorithm: Any) -> None:
    assert await refused(subtle.digest(algorithm, to_js(b"a"))) == (
        "NotSupportedError: Unrecognized or unimplemented digest algorithm requested."
    )


async def test_digest_checks_its_arguments() -> None:
    assert await refused(subtle.digest("SHA-1", "a")) == (
        "TypeError: Failed to execute 'digest' on 'SubtleCrypto': "
        "parameter 2 is not of type 'BufferSource'."
    )
    assert await refused(subtle.digest()) == (
        "TypeError: Failed to execute 'digest' on 'SubtleCrypto': "
        "parameter 1 is not of type 'string or HashAlgorithm'."
    )
    assert (await refused(subtle.digest(jsnull, to_js(b"a")))).startswith(
        "TypeError: Cannot initialize N7workerd3api12SubtleCrypto13HashAlgorithmE"
    )


async def test_a_key_tells_what_it_is() -> None:
    made = await key()
    assert (made.type, made.extractable, list(made.usages)) == ("secret", False, ["sign", "verify"])
    assert made.algorithm.to_py() == {"name": "HMAC", "hash": {"name": "SHA-256"}, "length": 24}
    assert str(made) == "[object CryptoKey]"


async def test_sign_and_verify() -> None:
    made = await key(to_js(["sign", "verify"]))
    signature = await subtle.sign("HMAC", made, to_js(b"m"))
    assert signature.to_bytes().hex()[:16] == "782906cfdc87462b"
    assert await subtle.verify("HMAC", made, signature, to_js(b"m")) is True
    assert await subtle.verify({"name": "hmac"}, made, signature, to_js(b"x")) is False
    assert await subtle.verify("HMAC", made, to_js(bytes(3)), to_js(b"m")) is False


async def test_a_key_serves_its_usages_only() -> None:
    signer, verifier = await key(PyProxy(["sign"])), await key(JsArray(["verify"]))
    data = to_js(b"m")
    assert await refused(subtle.sign("HMAC", verifier, data)) == (
        'InvalidAccessError: Requested key usage "sign" does not match any usage listed in this '
        "CryptoKey."
    )
    assert await refused(subtle.verify("HMAC", signer, data, data)) == (
        'InvalidAccessError: Requested key usage "verify" does not match any usage listed in this '
        "CryptoKey."
    )
    assert await refused(subtle.sign("RSA-PSS", signer, data)) == (
        'InvalidAccessError: Requested algorithm "RSA-PSS" does not match this CryptoKey\'s '
        'algorithm "HMAC".'
    )
    assert await refused(subtle.sign("HMAC", {}, data)) == (
        "TypeError: Failed to execute 'sign' on 'SubtleCrypto': "
        "parameter 2 is not of type 'CryptoKey'."
    )


async def test_export() -> None:
    algorithm = JsObject({"name": "hmac", "hash": JsObject({"name": "sha-512"})})
    made = await key(JsArray(["sign"]), extractable=True, algorithm=algorithm)
    assert (await subtle.exportKey("raw", made)).to_bytes() == b"key"
    jwk = await subtle.exportKey("jwk", made)
    assert jwk.to_py() == {
        "kty": "oct",
        "key_ops": ["sign"],
        "alg": "HS512",
        "ext": True,
        "k": "a2V5",
    }
    assert await refused(subtle.exportKey("spki", made)) == (
        'NotSupportedError: Unimplemented key export format "spki".'
    )
    assert await refused(subtle.exportKey("raw", await key())) == (
        "InvalidAccessError: Attempt to export non-extractable HMAC key."
    )
    again = await subtle.importKey("jwk", jwk, algorithm, True, JsArray(["sign"]))
    assert (await subtle.exportKey("raw", again)).to_bytes() == b"key"


LENGTH = (
    "DataError: Imported HMAC key length ({}) must be a non-zero value up to 7 bits less than, "
    "and no greater than, the bit length of the raw key data ({})."
)


@pytest.mark.parametrize(
    ("format", "data", "algorithm", "usages", "text"),
    [
        ("raw", b"", HMAC, ["sign"], LENGTH.format(0, 0)),
        (
            "raw",
            b"key",
            JsObject({"name": "HMAC", "hash": "SHA-256", "length": 10}),
            ["sign"],
            LENGTH.format(10, 24),
        ),
        (
            "raw",
            b"key",
            HMAC,
            ["encrypt"],
            'SyntaxError: Attempt to import secret HMAC key with invalid usage "encrypt".',
        ),
        (
            "raw",
            b"key",
            HMAC,
            [],
            "SyntaxError: Secret/private CryptoKeys must have at least one usage.",
        ),
        ("raw", b"key", "HMAC", ["sign"], 'TypeError: Missing field "hash" in "algorithm".'),
        (
            "raw",
            b"key",
            "FOO",
            ["sign"],
            'NotSupportedError: Unrecognized key import algorithm "FOO" requested.',
        ),
        (
            "spki",
            b"key",
            HMAC,
            ["sign"],
            'NotSupportedError: Unrecognized key import format "spki".',
        ),
        (
            "raw",
            {"kty": "oct"},
            HMAC,
            ["sign"],
            "TypeError: Import data provided for buffer-based import formats must be a buffer "
            "source.",
        ),
        (
            "jwk",
            b"key",
            HMAC,
            ["sign"],
            'TypeError: Import data provided for "jwk" import format must be a JsonWebKey.',
        ),
        (
            "jwk",
            {"kty": "RSA"},
            HMAC,
            ["sign"],
            'DataError: HMAC "jwk" key import requires a JSON Web Key with Key Type parameter '
            '("kty") equal to "oct" (encountered "RSA").',
        ),
        (
            "jwk",
            {"kty": "oct", "k": "a2V5", "alg": "HS512"},
            HMAC,
            ["sign"],
            'DataError: HMAC "jwk" key import specifies "alg" that is incompatible with the hash '
            'name (encountered "HS512", expected "HS256").',
        ),
        (
            "jwk",
            {"kty": "oct"},
            HMAC,
            ["sign"],
            'DataError: HMAC "jwk" key import requires a base64Url encoding of the key',
        ),
    ],
)
async def test_import_refuses_in_the_platforms_words(
    format: str, data: Any, algorithm: Any, usages: list[str], text: str
) -> None:
    assert (
        await refused(subtle.importKey(format, to_js(data), algorithm, False, to_js(usages)))
        == text
    )


async def test_a_key_may_be_a_few_bits_shorter() -> None:
    algorithm = JsObject({"name": "HMAC", "hash": "SHA-256", "length": 20})
    assert (await key(algorithm=algorithm)).algorithm.length == 20


@pytest.mark.parametrize(("name", "bits"), [("SHA-1", 512), ("SHA-256", 512), ("SHA-512", 1024)])
async def test_a_generated_key_is_a_block_long(name: str, bits: int) -> None:
    made = await subtle.generateKey({"name": "HMAC", "hash": name}, True, to_js(["sign"]))
    assert made.algorithm.length == bits
    assert (await subtle.exportKey("raw", made)).byteLength * 8 == bits


async def test_generate_refuses_in_the_platforms_words() -> None:
    usages = to_js(["sign"])
    zero = {"name": "HMAC", "hash": "SHA-1", "length": 0}
    assert await refused(subtle.generateKey(zero, True, usages)) == (
        "OperationError: HMAC key length must be a non-zero unsigned long integer (requested 0)."
    )
    assert await refused(subtle.generateKey({"name": "ZZZ"}, True, usages)) == (
        'NotSupportedError: Unrecognized key generation algorithm "ZZZ" requested.'
    )
    assert await refused(subtle.generateKey(HMAC, True, to_js(["encrypt"]))) == (
        'SyntaxError: Attempt to generate HMAC key with invalid usage "encrypt".'
    )


def test_timing_safe_equal() -> None:
    first = to_js(b"a")
    assert subtle.timingSafeEqual(first, ArrayBuffer(bytearray(b"a"))) is True
    assert subtle.timingSafeEqual(first, to_js(b"b")) is False
    assert refused_now(lambda: subtle.timingSafeEqual(first, to_js(b"ab"))) == (
        "TypeError: Input buffers must have the same byte length."
    )
    assert refused_now(lambda: subtle.timingSafeEqual("a", "b")) == (
        "TypeError: Failed to execute 'timingSafeEqual' on 'SubtleCrypto': "
        "parameter 1 is not of type 'BufferSource'."
    )
