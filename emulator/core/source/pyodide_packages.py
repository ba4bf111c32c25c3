"""The packages that Pyodide has builds of, as of its release 314.0.7.

`name:module,module` where modules have other names than the package. Source: the release's lock file.
"""

from __future__ import annotations

from typing import Final

__all__ = ["PYODIDE_PACKAGES"]

PYODIDE_PACKAGES: Final = """
    affine aiohappyeyeballs aiohttp aiosignal altair annotated-doc annotated-types anyio
    argon2-cffi:argon2 argon2-cffi-bindings astropy astropy-iers-data asttokens async-timeout
    asyncpg atomicwrites attrs:attr audioop-lts:audioop b2d bcrypt beautifulsoup4:bs4 bilby-cython
    biopython:Bio,BioSQL bitarray bitstring bleach bokeh boost-histogram bottleneck brotli
    cachetools cartopy casadi cbor-diag certifi cffi cffi-example cftime charset-normalizer clarabel
    click cligj clingo cloudpickle cmyt cobs colorspacious contourpy coolprop coverage crc32c crcmod
    cryptography cssselect cvxpy-base:cvxpy cycler cysignals cytoolz decorator demes deprecated
    deprecation diskcache distlib distro dnspython:dns docutils donfig duckdb ewah-bool-utils
    exceptiongroup executing fastapi fiona fonttools freesasa frozenlist fsspec future galpy
    geopandas gmpy2 google-crc32c h11 h3 h5py healpy highspy html5lib httpcore httpx idna igraph
    imageio iminuit iniconfig inspice ipython jedi jinja2 jiter joblib jsonpatch jsonpointer
    jsonschema jsonschema-specifications kiwisolver lakers-python:lakers lazy-loader
    lazy-object-proxy libcst librt lightgbm logbook lxml lz4 markupsafe
    matplotlib:pylab,mpl_toolkits matplotlib-inline memory-allocator micropip ml-dtypes mmh3
    more-itertools mpmath msgpack msgspec msprime multidict munch mypy:mypyc mysqlclient:MySQLdb
    narwhals ndindex netcdf4 networkx newick nh3 nlopt nltk numcodecs numpy openai opencv-python:cv2
    optlang orjson packaging pandas parso patsy pcodec peewee
    phispy:PhiSpyModules,PhiSpyRepeatFinder pi-heif pillow:PIL pillow-heif pkgconfig platformdirs
    pluggy ply polars prompt-toolkit propcache protobuf:google psycopg psycopg-binary psycopg-c
    pure-eval py pyarrow pyclipper pycparser pycryptodome:Crypto pydantic pydantic-core pydoc-data
    pyerfa:erfa pygame-ce:pygame pygments pyheif pyiceberg pyinstrument pymongo:gridfs pynacl:nacl
    pyodide-http pyodide-unix-timezones:unix_timezones pyparsing pyproj pyroaring pyrodigal
    pyrsistent pysam pyshp:shapefile pytaglib:taglib pytest pytest-asyncio pytest-benchmark
    pytest-httpx python-calamine python-dateutil:dateutil python-flirt:flirt python-sat:pysat
    python-solvespace pytz pywavelets:pywt pyxirr pyyaml:yaml rasterio rateslib rebound reboundx
    referencing regex requests retrying rich rpds-py:rpds ruamel-yaml:ruamel safetensors
    scikit-image:skimage scikit-learn:sklearn scipy screed:bigtests sentencepiece setuptools shapely
    simplejson sisl:sisl_toolbox six smart-open sniffio sortedcontainers soundfile soupsieve
    sourmash soxr sparseqr sqlalchemy stack-data starlette statsmodels strictyaml svgwrite swiglpk
    sympy:isympy tblib termcolor texttable texture2ddecoder threadpoolctl tiktoken:tiktoken_ext
    tomli tomli-w toolz:tlz tqdm traitlets traits tree-sitter tree-sitter-go tree-sitter-java
    tree-sitter-python tskit typing-extensions typing-inspection tzdata ujson uncertainties unyt
    urllib3 vega-datasets vrplib wcwidth webencodings wordcloud wrapt xarray xgboost xlrd xxhash
    xyzservices yarl yt zarr zengl zfpy zstandard
""".split()  # noqa: SIM905 - a table
