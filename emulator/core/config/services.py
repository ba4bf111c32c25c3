"""`services`, `assets`, `secrets`, and the bindings of products that are not emulated.

Source: spec peers §5; python-surface §4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.config.model import AbsentBinding, Assets, Service
from emulator.core.config.report import as_table, js_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.config.report import Report

__all__ = ["parse_absent", "parse_assets", "parse_required_secrets", "parse_services"]

# Field of the file: the product, the JavaScript class of its binding, and where its entries are.
_PRODUCTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "kv_namespaces": ("KV Namespace", "KvNamespace", "binding"),
    "r2_buckets": ("R2 Bucket", "R2Bucket", "binding"),
    "d1_databases": ("D1 Database", "D1Database", "binding"),
    "queues": ("Queue", "WorkerQueue", "producers.binding"),
    "workflows": ("Workflow", "WorkflowImpl", "binding"),
    "ai": ("Workers AI", "Ai", ".binding"),
    "ai_search": ("AI Search", "AiSearch", "binding"),
    "ai_search_namespaces": ("AI Search Namespace", "AiSearchNamespace", "binding"),
    "vectorize": ("Vectorize Index", "VectorizeIndexImpl", "binding"),
    "hyperdrive": ("Hyperdrive Config", "Hyperdrive", "binding"),
    "analytics_engine_datasets": ("Analytics Engine Dataset", "AnalyticsEngineDataset", "binding"),
    "browser": ("Browser Rendering", "Browser", ".binding"),
    "images": ("Images", "ImagesBindingImpl", ".binding"),
    "stream": ("Stream", "Stream", ".binding"),
    "media": ("Media Transformations", "Media", ".binding"),
    "send_email": ("Send Email", "SendEmail", "name"),
    "version_metadata": ("Worker Version Metadata", "VersionMetadata", ".binding"),
    "dispatch_namespaces": ("Dispatch Namespace", "DynamicDispatchNamespace", "binding"),
    "mtls_certificates": ("mTLS Certificate", "MtlsCertificate", "binding"),
    "pipelines": ("Pipeline", "Pipeline", "binding"),
    "secrets_store_secrets": ("Secrets Store Secret", "SecretsStoreSecret", "binding"),
    "ratelimits": ("Rate Limit", "Ratelimit", "name"),
    "worker_loaders": ("Worker Loader", "WorkerLoader", "binding"),
    "vpc_services": ("VPC Service", "VpcService", "binding"),
    "vpc_networks": ("VPC Network", "VpcNetwork", "binding"),
    "unsafe": ("Unsafe Binding", "Object", "bindings.name"),
}
_SERVICE_KEYS: Final = ("binding", "service", "entrypoint", "environment", "props", "remote")
_ASSET_KEYS: Final = (
    "directory", "binding", "run_worker_first", "html_handling", "not_found_handling",
)  # fmt: skip
_HTML_HANDLING: Final = (
    "auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none",
)  # fmt: skip
_NOT_FOUND_HANDLING: Final = ("none", "404-page", "single-page-application")


def parse_services(raw: object, report: Report) -> tuple[Service, ...]:
    """The bindings to other workers."""
    if raw is None:
        return ()
    field = report.field("services")
    if not isinstance(raw, list):
        report.error(field, f'The field "{field}" should be an array but got {js_json(raw)}.')
        return ()
    found = []
    for number, entry in enumerate(raw):
        key = f"{field}[{number}]"
        table = as_table(entry)
        wrong = [name for name in ("binding", "service") if not isinstance(table.get(name), str)]
        for name in wrong:
            report.error(f"{key}.{name}", f'"{key}" bindings should have a string "{name}" field.')
        entrypoint = table.get("entrypoint")
        if entrypoint is not None and not isinstance(entrypoint, str):
            problem = f'"{key}" bindings should have a string "entrypoint" field if present.'
            report.error(f"{key}.entrypoint", problem)
            continue
        report.unexpected(key, table, _SERVICE_KEYS, prefix=f"{key}.")
        if not wrong:
            name, service = str(table["binding"]), str(table["service"])
            found.append(Service(name=name, service=service, entrypoint=entrypoint))
    return tuple(found)


def parse_assets(raw: object, report: Report) -> Assets | None:
    """The static files, or None."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        report.error("assets", f'"assets" should be an object, but got value {js_json(raw)}.')
        return None
    report.unexpected("assets", raw, _ASSET_KEYS, prefix="assets.")
    directory = raw.get("directory")
    if not isinstance(directory, str) or not directory:
        report.error("assets.directory", 'Expected "assets.directory" to be of type string.')
        return None
    binding = raw.get("binding")
    if binding is not None and not report.required("assets.binding", binding, "string"):
        return None
    first = raw.get("run_worker_first", False)
    routes: tuple[str, ...] = ()
    if isinstance(first, list):
        routes = tuple(report.optional_strings("assets.run_worker_first", first))
    elif not report.required("assets.run_worker_first", first, "boolean"):
        return None
    return Assets(
        directory=directory,
        binding=binding,
        run_worker_first=first is True,
        worker_routes=routes,
        html_handling=_one_of(raw, "html_handling", _HTML_HANDLING, report),
        not_found_handling=_one_of(raw, "not_found_handling", _NOT_FOUND_HANDLING, report),
    )


def _one_of(raw: Mapping[str, object], field: str, allowed: tuple[str, ...], report: Report) -> str:
    value = raw.get(field, allowed[0])
    if value in allowed:
        return str(value)
    listed = ",".join(f'"{name}"' for name in allowed)
    report.error(
        f"assets.{field}",
        f'Expected "assets.{field}" field to be one of [{listed}] but got {js_json(value)}.',
    )
    return allowed[0]


def parse_required_secrets(raw: object, report: Report) -> tuple[str, ...] | None:
    """The names in `secrets.required`; None if the file says nothing of secrets."""
    if raw is None:
        return None
    key = report.field("secrets")
    if not isinstance(raw, dict):
        report.error(key, f'The field "{key}" should be an object but got {js_json(raw)}.')
        return None
    report.unexpected(key, raw, ("required",), prefix=f"{key}.")
    if "required" not in raw:
        return None
    return tuple(report.optional_strings(f"{key}.required", raw["required"]))


def parse_absent(raw: Mapping[str, object], report: Report) -> tuple[AbsentBinding, ...]:
    """The bindings of other products; each is warned of, and fails when it is used."""
    found = []
    for field, (product, class_name, where) in _PRODUCTS.items():
        names = _names(raw.get(field), where)
        if not names:
            continue
        report.warn(
            report.field(field),
            f"{product} is not part of this emulator: {', '.join(f'env.{name}' for name in names)} "
            "will be there, but every use of it fails.",
        )
        found += [
            AbsentBinding(name=name, field=field, product=product, js_class=class_name)
            for name in names
        ]
    return tuple(found)


def _names(value: object, where: str) -> list[str]:
    path, _, key = where.rpartition(".")
    for part in filter(None, path.split(".")):
        value = as_table(value).get(part)
    entries = value if isinstance(value, list) else [value]
    names = [as_table(entry).get(key) for entry in entries]
    return [name for name in names if isinstance(name, str)]
