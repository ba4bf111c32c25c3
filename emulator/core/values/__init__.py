"""JavaScript values, on the Python side: the model, its conversions, its encodings.

`proxies.py` states the invariants.
"""

from __future__ import annotations

from emulator.core.values.arrays import (
    JsArray,
)
from emulator.core.values.border import (
    PyProxy,
    from_js,
    js_value,
)
from emulator.core.values.boxed import (
    JsBoxed,
    JsSymbol,
)
from emulator.core.values.buffers import (
    ArrayBuffer,
    ArrayBufferView,
    buffer_bytes,
)
from emulator.core.values.clone import (
    structured_clone,
)
from emulator.core.values.codec import (
    CodecError,
    HostCodec,
    HostSink,
    HostSource,
    dumps,
    loads,
)
from emulator.core.values.coercion import (
    coerce_key,
    is_function,
    js_truthy,
    list_limit,
    options,
    to_int32,
    to_integer,
    to_number,
)
from emulator.core.values.convert import (
    to_js,
)
from emulator.core.values.dates import (
    JsDate,
    parse_date,
)
from emulator.core.values.errors import (
    DomException,
    JsException,
    data_clone_error,
    dom_exception,
    error,
    illegal_parameter,
    internal_error,
    range_error,
    syntax_error,
    type_error,
)
from emulator.core.values.functions import (
    JsClass,
    JsFunction,
    call,
)
from emulator.core.values.iterators import (
    JsIterator,
)
from emulator.core.values.maps import (
    JsMap,
    JsSet,
)
from emulator.core.values.objects import (
    JsObject,
    from_entries,
    ordered,
)
from emulator.core.values.proxies import (
    HOLE,
    MAX_SAFE_INTEGER,
    PRIMITIVES,
    Conversion,
    ConversionError,
    JsBigInt,
    JsNull,
    JsProxy,
    JsValue,
    jsnull,
)
from emulator.core.values.regexps import (
    JsRegExp,
    UnsupportedPatternError,
)
from emulator.core.values.text import (
    is_array_index,
    number_to_string,
    string_to_number,
    to_string,
)
from emulator.core.values.typed_arrays import (
    TYPED_ARRAYS,
    DataView,
    TypedArray,
    Uint8Array,
)

__all__ = [
    "HOLE",
    "MAX_SAFE_INTEGER",
    "PRIMITIVES",
    "TYPED_ARRAYS",
    "ArrayBuffer",
    "ArrayBufferView",
    "CodecError",
    "Conversion",
    "ConversionError",
    "DataView",
    "DomException",
    "HostCodec",
    "HostSink",
    "HostSource",
    "JsArray",
    "JsBigInt",
    "JsBoxed",
    "JsClass",
    "JsDate",
    "JsException",
    "JsFunction",
    "JsIterator",
    "JsMap",
    "JsNull",
    "JsObject",
    "JsProxy",
    "JsRegExp",
    "JsSet",
    "JsSymbol",
    "JsValue",
    "PyProxy",
    "TypedArray",
    "Uint8Array",
    "UnsupportedPatternError",
    "buffer_bytes",
    "call",
    "coerce_key",
    "data_clone_error",
    "dom_exception",
    "dumps",
    "error",
    "from_entries",
    "from_js",
    "illegal_parameter",
    "internal_error",
    "is_array_index",
    "is_function",
    "js_truthy",
    "js_value",
    "jsnull",
    "list_limit",
    "loads",
    "number_to_string",
    "options",
    "ordered",
    "parse_date",
    "range_error",
    "string_to_number",
    "structured_clone",
    "syntax_error",
    "to_int32",
    "to_integer",
    "to_js",
    "to_number",
    "to_string",
    "type_error",
]
