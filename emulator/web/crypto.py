"""crypto and crypto.subtle: random values, digests, and HMAC.

The entropy is passed in, so that a seed replays a run. Other algorithms are refused by name.

Source: Web Cryptography; texts measured on workerd. Proved by tests/web/test_crypto.py.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from emulator.core.values import (
    ArrayBuffer,
    ArrayBufferView,
    DataView,
    JsArray,
    JsNull,
    JsObject,
    JsProxy,
    JsValue,
    PyProxy,
    buffer_bytes,
    dom_exception,
    illegal_parameter,
    js_value,
    to_string,
    type_error,
)
from emulator.core.values.callbacks import js_truthy
from emulator.web.promises import promise_method
from emulator.web.webidl import (
    MISSING,
    is_object,
    iterate,
    member,
    to_integer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Crypto", "CryptoKey", "SubtleCrypto"]

_RANDOM_BYTES_MAX: Final = 65536
_DIGESTS: Final = {
    "SHA-1": ("sha1", 512),
    "SHA-256": ("sha256", 512),
    "SHA-384": ("sha384", 1024),
    "SHA-512": ("sha512", 1024),
    "MD5": ("md5", 512),
}
"""The name for hashlib, and the block size in bits, which is how long a generated key is."""
_ALGORITHM: Final = "string or HashAlgorithm"


class Crypto(JsProxy, js_name="Crypto"):
    """`crypto`. `entropy(n)` gives n bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._subtle = SubtleCrypto(entropy)

    @property
    def subtle(self) -> SubtleCrypto:
        return self._subtle

    def randomUUID(self) -> str:
        data = bytearray(self._entropy(16))
        data[6] = data[6] & 0x0F | 0x40
        data[8] = data[8] & 0x3F | 0x80
        digits = data.hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def getRandomValues(self, view: Any = None) -> Any:
        if not isinstance(view, ArrayBufferView):
            raise illegal_parameter("getRandomValues", "Crypto", 1, "ArrayBufferView")
        if isinstance(view, DataView) or view.js_name.startswith("Float"):
            raise dom_exception(
                "TypeMismatchError",
                "ArrayBufferView argument to getRandomValues() must be an integer-typed view.",
            )
        count = view.byteLength
        if count > _RANDOM_BYTES_MAX:
            raise dom_exception(
                "QuotaExceededError",
                "getRandomValues() only accepts buffers of size <= 64K "
                f"but provided {count} bytes.",
            )
        view.buffer._data[view.byteOffset : view.byteOffset + count] = self._entropy(count)
        return view


class CryptoKey(JsProxy, js_name="CryptoKey"):
    """An HMAC key."""

    def __init__(
        self, secret: bytes, hash_name: str, bits: int, extractable: bool, usages: list[str]
    ) -> None:
        self._secret = secret
        self._hash = hash_name
        self._bits = bits
        self._extractable = extractable
        self._usages = usages

    @property
    def type(self) -> str:
        return "secret"

    @property
    def extractable(self) -> bool:
        return self._extractable

    @property
    def algorithm(self) -> JsObject:
        digest = JsObject({"name": self._hash})
        return JsObject({"name": "HMAC", "hash": digest, "length": self._bits})

    @property
    def usages(self) -> JsArray:
        return JsArray(list(self._usages))

    def _sign(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, _DIGESTS[self._hash][0])


class SubtleCrypto(JsProxy, js_name="SubtleCrypto"):
    """`crypto.subtle`. Every method but `timingSafeEqual` gives a promise."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    @promise_method
    async def digest(self, algorithm: Any = MISSING, data: Any = None) -> ArrayBuffer:
        if algorithm is MISSING:
            raise illegal_parameter("digest", "SubtleCrypto", 1, _ALGORITHM)
        name = _digest_name(js_value(algorithm))
        content = _buffer("digest", 2, data)
        return _buffer_of(hashlib.new(_DIGESTS[name][0], content, usedforsecurity=False).digest())

    @promise_method
    async def importKey(
        self,
        format: Any = None,
        key_data: Any = None,
        algorithm: Any = None,
        extractable: Any = False,
        usages: Any = None,
    ) -> CryptoKey:
        parameters = js_value(algorithm)
        _require_hmac(parameters, "key import")
        names = _usages("import secret", js_value(usages))
        kind = to_string(js_value(format))
        digest = _hash_member(parameters)
        secret = _imported(kind, js_value(key_data), digest)
        bits = 8 * len(secret)
        length = member(parameters, "length")
        wanted = bits if length is None else to_integer(length)
        if wanted <= 0 or not bits - 7 <= wanted <= bits:
            raise dom_exception(
                "DataError",
                f"Imported HMAC key length ({wanted}) must be a non-zero value up to 7 bits less "
                f"than, and no greater than, the bit length of the raw key data ({bits}).",
            )
        return CryptoKey(secret, digest, wanted, js_truthy(js_value(extractable)), names)

    @promise_method
    async def generateKey(
        self, algorithm: Any = None, extractable: Any = False, usages: Any = None
    ) -> CryptoKey:
        parameters = js_value(algorithm)
        _require_hmac(parameters, "key generation")
        names = _usages("generate", js_value(usages))
        digest = _hash_member(parameters)
        length = member(parameters, "length")
        bits = _DIGESTS[digest][1] if length is None else to_integer(length)
        if bits <= 0:
            raise dom_exception(
                "OperationError",
                f"HMAC key length must be a non-zero unsigned long integer (requested {bits}).",
            )
        secret = self._entropy((bits + 7) // 8)
        return CryptoKey(secret, digest, bits, js_truthy(js_value(extractable)), names)

    @promise_method
    async def exportKey(self, format: Any = None, key: Any = None) -> Any:
        kind = to_string(js_value(format))
        owned = _key("exportKey", 2, key)
        if not owned._extractable:
            raise dom_exception("InvalidAccessError", "Attempt to export non-extractable HMAC key.")
        if kind == "raw":
            return _buffer_of(owned._secret)
        if kind != "jwk":
            raise dom_exception("NotSupportedError", f'Unimplemented key export format "{kind}".')
        encoded = base64.urlsafe_b64encode(owned._secret).decode().rstrip("=")
        return JsObject(
            {
                "kty": "oct",
                "key_ops": JsArray(list(owned._usages)),
                "alg": _jwk_algorithm(owned._hash),
                "ext": True,
                "k": encoded,
            }
        )

    @promise_method
    async def sign(self, algorithm: Any = None, key: Any = None, data: Any = None) -> ArrayBuffer:
        owned = _key("sign", 2, key)
        content = _buffer("sign", 3, data)
        _check_use(js_value(algorithm), owned, "sign")
        return _buffer_of(owned._sign(content))

    @promise_method
    async def verify(
        self, algorithm: Any = None, key: Any = None, signature: Any = None, data: Any = None
    ) -> bool:
        owned = _key("verify", 2, key)
        claimed, content = _buffer("verify", 3, signature), _buffer("verify", 4, data)
        _check_use(js_value(algorithm), owned, "verify")
        return hmac.compare_digest(claimed, owned._sign(content))

    def timingSafeEqual(self, a: Any = None, b: Any = None) -> bool:
        first, second = _buffer("timingSafeEqual", 1, a), _buffer("timingSafeEqual", 2, b)
        if len(first) != len(second):
            raise type_error("Input buffers must have the same byte length.")
        return hmac.compare_digest(first, second)


def _buffer_of(data: bytes) -> ArrayBuffer:
    return ArrayBuffer(bytearray(data))


def _buffer(method: str, position: int, given: Any) -> bytes:
    data = buffer_bytes(js_value(given))
    if data is None:
        raise illegal_parameter(method, "SubtleCrypto", position, "BufferSource")
    return data


def _key(method: str, position: int, given: Any) -> CryptoKey:
    if not isinstance(given, CryptoKey):
        raise illegal_parameter(method, "SubtleCrypto", position, "CryptoKey")
    return given


def _name_of(algorithm: JsValue) -> str:
    return to_string(member(algorithm, "name") if is_object(algorithm) else algorithm)


def _digest_name(algorithm: JsValue) -> str:
    if isinstance(algorithm, JsNull):
        raise type_error(
            "Cannot initialize N7workerd3api12SubtleCrypto13HashAlgorithmE with required members "
            "from an undefined or null value."
        )
    name = _name_of(algorithm).upper()
    if name not in _DIGESTS:
        raise dom_exception(
            "NotSupportedError", "Unrecognized or unimplemented digest algorithm requested."
        )
    return name


def _hash_member(parameters: JsValue) -> str:
    digest = member(parameters, "hash") if is_object(parameters) else None
    if digest is None:
        raise type_error('Missing field "hash" in "algorithm".')
    return _digest_name(digest)


def _require_hmac(parameters: JsValue, job: str) -> None:
    name = _name_of(parameters)
    if name.upper() != "HMAC":
        raise dom_exception(
            "NotSupportedError", f'Unrecognized {job} algorithm "{name}" requested.'
        )


def _usages(job: str, usages: JsValue) -> list[str]:
    names = [to_string(usage) for usage in iterate(usages) or ()]
    for name in names:
        if name not in ("sign", "verify"):
            raise dom_exception(
                "SyntaxError", f'Attempt to {job} HMAC key with invalid usage "{name}".'
            )
    if not names:
        raise dom_exception(
            "SyntaxError", "Secret/private CryptoKeys must have at least one usage."
        )
    return [name for name in ("sign", "verify") if name in names]


def _imported(kind: str, data: JsValue, digest: str) -> bytes:
    content = buffer_bytes(data)
    if kind == "raw":
        if content is None:
            raise type_error(
                "Import data provided for buffer-based import formats must be a buffer source."
            )
        return content
    if kind != "jwk":
        raise dom_exception("NotSupportedError", f'Unrecognized key import format "{kind}".')
    if content is not None or not isinstance(data, (JsObject, PyProxy)):
        raise type_error('Import data provided for "jwk" import format must be a JsonWebKey.')
    return _from_jwk(data, digest)


def _from_jwk(data: JsValue, digest: str) -> bytes:
    kind = to_string(member(data, "kty"))
    if kind != "oct":
        raise dom_exception(
            "DataError",
            'HMAC "jwk" key import requires a JSON Web Key with Key Type parameter ("kty") equal '
            f'to "oct" (encountered "{kind}").',
        )
    named = member(data, "alg")
    if named is not None and to_string(named) != _jwk_algorithm(digest):
        raise dom_exception(
            "DataError",
            'HMAC "jwk" key import specifies "alg" that is incompatible with the hash name '
            f'(encountered "{to_string(named)}", expected "{_jwk_algorithm(digest)}").',
        )
    encoded = member(data, "k")
    try:
        if encoded is not None:
            text = to_string(encoded)
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        pass  # The platform has one sentence for a key that is missing and one that is wrong.
    raise dom_exception(
        "DataError", 'HMAC "jwk" key import requires a base64Url encoding of the key'
    )


def _jwk_algorithm(digest: str) -> str:
    return "HS" + digest.removeprefix("SHA-")


def _check_use(algorithm: JsValue, key: CryptoKey, usage: str) -> None:
    name = _name_of(algorithm)
    if name.upper() != "HMAC":
        raise dom_exception(
            "InvalidAccessError",
            f'Requested algorithm "{name}" does not match this CryptoKey\'s algorithm "HMAC".',
        )
    if usage not in key._usages:
        raise dom_exception(
            "InvalidAccessError",
            f'Requested key usage "{usage}" does not match any usage listed in this CryptoKey.',
        )
